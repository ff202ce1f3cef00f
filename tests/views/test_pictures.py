"""Are the pictures what they should be: PNG, terminal, notebook?"""

import base64
import io
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from buddycap import Machine, MigrateType, MisuseError, Zone
from buddycap.views import png
from buddycap.views.pagemap import KINDS, maps_of, read_maps
from buddycap.views.picture import map_png, small_png
from buddycap.views.png import draw_text, encode_png
from buddycap.views.terminal import terminal_map, wants_colour

DATA = Path(__file__).parents[1] / "data"
SNAPSHOT = DATA / "kpageflags.mixed-1GiB.npz"
NUMBER = {kind.name: number for number, kind in enumerate(KINDS)}


def decode_png(data):
    """Take a PNG apart by its specification: picture, palette, texts."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(name + content)
        chunks.setdefault(name, []).append(content)
        at += 12 + length
    assert next(iter(chunks)) == b"IHDR"
    assert name == b"IEND"
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"][0])
    assert (depth, colour, *rest) == (8, 3, 0, 0, 0)
    lines = np.frombuffer(zlib.decompress(b"".join(chunks[b"IDAT"])), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    texts = dict(text.decode("latin-1").split("\0", 1) for text in chunks.get(b"tEXt", []))
    return lines[:, 1:], chunks[b"PLTE"][0].hex(), texts


class TestPng:
    def test_a_picture_comes_back(self):
        picture = np.arange(12, dtype=np.uint8).reshape(3, 4) % 3
        found, palette, texts = decode_png(encode_png(picture, ["000000", "ff0000", "00ff00"], [("Title", "x")]))
        assert found.tolist() == picture.tolist()
        assert palette == "000000ff000000ff00"
        assert texts == {"Title": "x"}

    @pytest.mark.parametrize(
        ("shape", "number", "colours"), [((0, 3), 0, 1), ((1, 1), 1, 1), ((3,), 0, 1), ((1, 1), 0, 0), ((1, 1), 0, 257)]
    )
    def test_what_is_none_is_refused(self, shape, number, colours):
        with pytest.raises(MisuseError):
            encode_png(np.full(shape, number, np.uint8), ["000000"] * colours)

    def test_text_is_cut_at_the_border(self):
        picture = np.zeros((10, 10), np.uint8)
        draw_text(picture, 6, 6, "MM", 1, 2)
        assert picture[6:, 6:].any()
        assert not picture[:6].any()


class TestMap:
    def test_one_pageblock_a_row_one_pixel_a_page(self):
        maps = read_maps(SNAPSHOT)
        picture, palette, texts = decode_png(map_png(maps, title="a machine"))
        counts = maps[0].counts()
        rows = maps[0].kinds.reshape(512, 512)
        places = [
            (y, x) for y in range(90) for x in range(30) if np.array_equal(picture[y : y + 512, x : x + 512], rows)
        ]
        assert len(places) == 1, "the map stands in the picture once"
        assert palette.startswith("".join(kind.colour for kind in KINDS))
        assert texts["Title"] == "a machine"
        assert f"{KINDS[NUMBER['slab']].text}: {counts['slab']} pages" in texts["Description"]
        assert picture.shape[0] < 600
        assert picture.shape[1] < 900

    def test_the_legend_has_a_patch_of_every_kind_there_is(self):
        maps = read_maps(SNAPSHOT)
        picture, _, _ = decode_png(map_png(maps))
        legend = picture[:, 540:]
        assert {int(n) for n in np.unique(legend) if n < len(KINDS)} == {NUMBER[name] for name in maps[0].counts()}

    def test_large_zones_stand_in_columns_and_small_ones_are_magnified(self):
        large, _, _ = decode_png(map_png(maps_of(Zone(0, 1 << 21, min_free_kbytes=0))))
        assert 0.5 < large.shape[1] / large.shape[0] < 3
        small, _, _ = decode_png(map_png(maps_of(Zone(0, 512, pageblock_order=4, max_page_order=4, min_free_kbytes=0))))
        assert small.shape[0] > 128

    def test_width_and_its_limits(self):
        maps = maps_of(Zone(0, 4096, min_free_kbytes=0))
        assert "64 pages a row" in decode_png(map_png(maps, width=64))[2]["Description"]
        for width in (0, -5, 1 << 17):
            with pytest.raises(MisuseError, match="width"):
                map_png(maps, width=width)
        with pytest.raises(MisuseError, match="no zone"):
            map_png([])

    def test_pictures_do_not_depend_on_the_day(self):
        assert map_png(read_maps(SNAPSHOT)) == map_png(read_maps(SNAPSHOT))


class TestTerminal:
    @pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 30), (20, 10)])
    @pytest.mark.parametrize("colour", [False, True])
    def test_it_fits_the_window(self, size, colour):
        text = terminal_map(read_maps(SNAPSHOT), colour=colour, size=size, environment={})
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.split("\n")]
        assert max(map(len, lines)) <= size[0]
        assert len(lines) <= max(size[1], 14)

    def test_letters_are_the_kinds_most_pages_are_of(self):
        zone = Zone(0, 4096, min_free_kbytes=0)
        zone.rmqueue(9, MigrateType.MOVABLE)
        text = terminal_map(maps_of(zone), size=(64, 6))
        assert text.split("\n")[1:] == [
            "_" * 48 + "H" * 8 + "_" * 8,
            "_ free, a pageblock or more          3584 88%",
            "H huge page, or as large a block      512 12%",
        ]

    def test_colours(self):
        maps = maps_of(Zone(0, 4096, min_free_kbytes=0))
        some = terminal_map(maps, colour=True, size=(40, 20), environment={})
        assert "\u2580" in some
        assert re.search(r"\x1b\[38;5;\d+m", some)
        assert "\x1b[38;2;" in terminal_map(maps, colour=True, size=(40, 20), environment={"COLORTERM": "truecolor"})
        assert "\x1b" not in terminal_map(maps, size=(40, 20))

    @pytest.mark.parametrize(
        ("terminal", "environment", "wanted"),
        [
            (True, {"TERM": "xterm"}, True),
            (True, {"NO_COLOR": "1"}, False),
            (True, {"NO_COLOR": ""}, True),
            (True, {"TERM": "dumb"}, False),
            (False, {}, False),
        ],
    )
    def test_when_colours_are_wanted(self, terminal, environment, wanted):
        stream = io.StringIO()
        stream.isatty = lambda: terminal
        assert wants_colour(stream, environment) is wanted


class TestNotebook:
    def test_a_zone_and_a_machine_show_themselves(self):
        machine = Machine.preset("x86_64", memory="64MiB")
        machine.alloc_pages(9, 0x10)
        for thing in (machine, machine.zones[0]):
            html = thing._repr_html_()
            (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
            picture, _, _ = decode_png(base64.b64decode(data))
            assert NUMBER["huge"] in picture
            assert "huge page, or as large a block 512" in html
            assert "http" not in html
            assert 'alt="map of zone' in html

    def test_a_large_one_stays_small(self):
        png, width, height = small_png(maps_of(Zone(0, 1 << 22, min_free_kbytes=0))[0], 1 << 16)
        assert decode_png(png)[0].size <= 1 << 17
        assert width < 1000
        assert height < 1000

    def test_nothing_is_imported_before_the_first_picture(self):
        code = "import sys, buddycap; print([m for m in sys.modules if m[9:].startswith(('views.', 'study'))])"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

    def test_names_are_escaped(self):
        machine = Machine.preset("x86_64", memory="4MiB")
        machine.names = ("<b>",)
        assert "<b>" not in machine._repr_html_()


def test_the_documentation_shows_what_its_command_draws():
    title = "one GiB of a machine that builds software"
    shown, _, texts = decode_png((DATA.parents[1] / "docs" / "pictures" / "recorded.png").read_bytes())
    drawn, _, _ = decode_png(map_png(read_maps(SNAPSHOT), title=title))
    assert texts["Title"] == title
    assert np.array_equal(shown, drawn)


def written(text, scale=1):
    """A text as it stands in a picture."""
    picture = np.zeros((9 * scale, 6 * scale * len(text)), np.uint8)
    draw_text(picture, 0, 0, text, 1, scale)
    return picture


@pytest.mark.parametrize("letter", ["#", "@", "[", "\u00e9", "\u03b1", "\u2192"])
def test_no_letter_of_a_text_is_lost(letter):
    pytest.importorskip("PIL")
    assert written(letter).any()
    assert written(letter, 2).any()
    assert (written(f"a{letter}b")[:, :6] == written("a")).all()


def test_letters_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    png._glyph.cache_clear()
    assert (written("\u00e9") == written("e")).all()
    assert (written("\u65e5") == written("?")).all()
    png._glyph.cache_clear()
