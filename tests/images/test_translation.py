"""Are addresses translated with the frames that the allocator hands out, in words and in lines, whole and in pieces?"""

import gzip

import numpy as np
import pytest

from buddycap import FormatError, MisuseError, Zone
from buddycap.cli import main
from buddycap.images import translation
from buddycap.images.translation import translate_trace, translator


def zone(kernel="2.6.27", pages=1024):
    return Zone(0, pages, kernel=kernel)


@pytest.mark.parametrize("kernel", ["2.6.27", "6.1"])
def test_first_touch_is_the_allocators_order(kernel):
    draw = np.random.default_rng(1)
    addresses = (draw.integers(0, 900, 5000) << 12 | draw.integers(0, 4096, 5000)).astype(np.uint64)
    found, frames, twin = np.empty_like(addresses), {}, zone(kernel)
    assert translator(zone(kernel)).translate(addresses, found) == 5000
    movable = 2 if kernel == "2.6.27" else 1
    for address, physical in zip(addresses.tolist(), found.tolist(), strict=True):
        if address >> 12 not in frames:
            frames[address >> 12] = twin.rmqueue(0, movable)
        assert physical == frames[address >> 12] << 12 | address & 4095


def test_by_number_the_order_does_not_matter():
    addresses = np.arange(800, dtype=np.uint64) << np.uint64(12)
    one, other = np.empty_like(addresses), np.empty_like(addresses)
    for seed in (0, 5):
        translator(zone(), order="by-number", seed=seed).translate(addresses, one)
        engine = translator(zone(), order="by-number", seed=seed)
        engine.translate(np.ascontiguousarray(addresses[::-1]), other)
        assert (one == other[::-1]).all()
        assert engine.displaced == 0
        assert len(np.unique(one)) == 800


def test_pages_that_meet_are_counted_and_share_nothing():
    engine = translator(zone(), order="by-number")
    addresses = np.array([5, 5 + 1007, 5 + 2014], np.uint64) << np.uint64(12)
    assert engine.translate(addresses, addresses) == 3
    assert len(set(addresses.tolist())) == 3
    assert engine.displaced == 2


def test_words_and_lines_agree_in_pieces_and_packed(tmp_path, monkeypatch):
    draw = np.random.default_rng(2)
    addresses = draw.integers(0, 700 << 12, 3000).astype(np.uint64)
    addresses.tofile(tmp_path / "t.u64")
    text = "# a trace\n\n" + "".join(f"{a:#x} READ {a}\n" for a in addresses.tolist())
    (tmp_path / "t.gz").write_bytes(gzip.compress(text.encode().removesuffix(b"\n")))
    whole = np.empty_like(addresses)
    translator(zone()).translate(addresses, whole)
    monkeypatch.setattr(translation, "_PIECE", 1001)
    assert translate_trace(tmp_path / "t.u64", zone(), tmp_path / "o").units == 3000
    assert (np.fromfile(tmp_path / "o", "<u8") == whole).all()
    done = translate_trace(tmp_path / "t.gz", zone(), tmp_path / "p", columns=(1, 3))
    assert done.complete
    expected = "# a trace\n\n" + "".join(f"{a:#x} READ {a}\n" for a in whole.tolist())
    assert (tmp_path / "p").read_text() == expected.removesuffix("\n")


def test_memory_that_is_full_ends_it(tmp_path, capsys):
    zone().save(tmp_path / "a.img")
    (np.arange(2000, dtype=np.uint64) << np.uint64(12)).tofile(tmp_path / "t")
    command = ["image", "translate", str(tmp_path / "t"), "--image", str(tmp_path / "a.img"), "-o", str(tmp_path / "o")]
    assert main(command) == 1
    assert "memory is full after 1024" in capsys.readouterr().err
    assert sorted(np.fromfile(tmp_path / "o", "<u8") >> 12) == list(range(1024))
    assert main(command) == 2, "the output exists"


@pytest.mark.parametrize(
    ("text", "said"), [("0x12\nx\n", "t:2: no address"), ("12 0xg\n", ""), ("0x12345678901234567\n", "t:1")]
)
def test_lines_without_an_address_are_named(text, said, tmp_path):
    (tmp_path / "t").write_text(text)
    if said:
        with pytest.raises(FormatError, match=said):
            translate_trace(tmp_path / "t", zone(), tmp_path / "o")
        assert not (tmp_path / "o").exists()
    else:
        assert translate_trace(tmp_path / "t", zone(), tmp_path / "o").units == 1


@pytest.mark.parametrize("lines", [1, 255, 256, 257, 700, 1300])
def test_many_lines_end_with_the_one_that_memory_is_full_in(lines, tmp_path):
    """Lines are translated some at once; what is behind the last whole one is not written."""
    text = "".join(f"{2 * k << 12:#x},{(2 * k + 1) << 12}\n# {k}\n" for k in range(1500))
    (tmp_path / "t").write_text(text)
    done = translate_trace(tmp_path / "t", zone(pages=2 * lines + 1), tmp_path / "o", columns=(1, 2))
    assert (done.complete, done.pages) == (False, 2 * lines + 1)
    frames = zone(pages=2 * lines + 1).alloc_many(2 * lines).tolist()
    expected = "".join(
        f"{a << 12:#x},{b << 12}\n# {k}\n" for k, (a, b) in enumerate(zip(frames[::2], frames[1::2], strict=True))
    )
    assert (tmp_path / "o").read_text() == expected
    assert done.units == 2 * lines


@pytest.mark.parametrize("line", [1, 255, 512, 513, 514, 2000])
def test_a_bad_line_among_many_is_named(line, tmp_path):
    good = [f"{k << 12:#x} R" for k in range(2100)]
    (tmp_path / "t").write_text("\n".join([*good[: line - 1], "R", *good[line - 1 :]]))
    with pytest.raises(FormatError, match=rf"t:{line}: no address in column 1: 'R'"):
        translate_trace(tmp_path / "t", zone(pages=4096), tmp_path / "o")


def test_wrong_arguments(tmp_path):
    (tmp_path / "t").write_bytes(bytes(9))
    with pytest.raises(FormatError, match="ends inside an address: 1 bytes"):
        translate_trace(tmp_path / "t", zone(), tmp_path / "o")
    for keywords in ({"order": "x"}, {"seed": -1}, {"layout": "x"}, {"columns": ()}):
        with pytest.raises(MisuseError, match=next(iter(keywords))):
            translate_trace(tmp_path / "t", zone(), tmp_path / "o", **keywords)
