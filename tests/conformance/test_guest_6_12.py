"""Does the allocator of Linux 6.12 make of a recorded machine's requests what that machine made of them?"""

import json

import numpy as np
import pytest

from buddycap import cli
from buddycap.conformance.guests.play import play_guests
from buddycap.conformance.guests.requests import DRAIN, ZONE_LOCKED
from guest612lab import PAGES, START_PFN, ZONEINFO, events, write

EARLY = 32_000  # events: far enough for refills and drains


def played(folder):
    (guest,) = play_guests([folder]).guests
    return guest


def wrong(guest):
    """How many comparisons of each kind came out otherwise."""
    kinds = [difference.what for difference in guest.tally.differences]
    return {what: kinds.count(what) for what in set(kinds)}


def test_every_event_up_to_compaction_comes_out(tmp_path, capsys):
    assert cli.main(["conformance", "--json", "--guest", str(write(tmp_path / "fork"))]) == 0
    (guest,) = json.loads(capsys.readouterr().out)["guests"]
    assert guest["tally"] == {
        "events": 94053,
        "differences": [],
        "compared": {
            "pages of allocations": 56705,
            "pages that left the free lists": 30668,
            "drained blocks": 6570,
            "sizes of refills": 94,
            "sizes of drains": 16,
        },
        "hints": {
            "events that the first state was learned from": 890,
            "pages taken in bulk": 352,
            "limits that were lower": 3,
            "passes of decay, with their size": 2,
        },
    }
    assert (guest["compaction"], guest["apart"]) == (164294, None)


def test_what_is_said_of_it(tmp_path, capsys):
    assert cli.main(["conformance", "--guest", str(write(tmp_path / "fork", stop=EARLY))]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("fork: ")
    assert said[0].endswith(" 0 differences")
    assert any(line.startswith("fork: sizes of refills: ") for line in said)


class TestFaults:
    """Each comparison can fail."""

    def test_another_batch_is_seen_in_the_sizes(self, tmp_path):
        folder = write(tmp_path / "fork", stop=EARLY)
        (folder / "zoneinfo.start").write_text(ZONEINFO.replace("batch: 15", "batch: 16"))
        assert wrong(played(folder))["sizes of refills"] > 10

    def test_pages_in_another_order_are_seen(self, tmp_path):
        table = events()
        taken = table["event"][:EARLY] == ZONE_LOCKED
        number = np.flatnonzero(taken[:-1] & taken[1:])[-100]
        table["pfn"][number : number + 2] = table["pfn"][number : number + 2][::-1].copy()
        found = play_guests([write(tmp_path / "fork", table, EARLY)])
        assert (wrong(found.guests[0]), found.status) == ({"pages that left the free lists": 2}, 1)

    def test_a_missing_drain_is_seen(self, tmp_path):
        table = events()
        table["event"][np.flatnonzero(table["event"][:EARLY] == DRAIN)[100]] = 0
        assert wrong(played(write(tmp_path / "fork", table, EARLY)))["sizes of drains"] == 1


class TestDamagedFolders:
    """What is wrong is said with the file, and its line where it has lines; no part of it is played."""

    @pytest.fixture
    def folder(self, tmp_path):
        return write(tmp_path / "fork", events()[:1000])

    @pytest.mark.parametrize(("name", "text", "said"), [
        ("zoneinfo.start", ZONEINFO.replace("batch: 15", "batch: some"), "zoneinfo.start:18: "),
        ("zoneinfo.start", ZONEINFO.replace("DMA32", "Normal"), "no zone DMA32 in zoneinfo.start"),
        ("zoneinfo.start", ZONEINFO.replace("promo", "other"), "zoneinfo.start lacks marks"),
        ("zoneinfo.start", ZONEINFO.replace("min      491", "min      999"), "a state that cannot be"),
        ("zoneinfo.start", ZONEINFO.replace("high:  3508", "high:  35080000000"), "a state that cannot be"),
        ("zoneinfo.start", ZONEINFO[: ZONEINFO.index("    cpu: 1")] + "  start_pfn:           4096\n", "of CPU 1"),
        ("trace.bct", "hello", "trace.bct"),
        ("kpageflags.end.npz", "hello", "kpageflags.end.npz"),
    ])  # fmt: skip
    def test_a_file(self, folder, name, text, said, capsys):
        (folder / name).write_text(text)
        assert cli.main(["conformance", "--guest", str(folder)]) == 2
        assert said in capsys.readouterr().err

    def test_a_folder_without_a_trace(self, folder, capsys):
        (folder / "trace.bct").unlink()
        assert cli.main(["conformance", "--guest", str(folder)]) == 2
        assert "the folder has no trace" in capsys.readouterr().err

    def test_states_of_different_machines(self, folder):
        words = np.full(512, 1 << 10, np.uint64)
        (folder / "zoneinfo.end").unlink()
        np.savez(folder / "kpageflags.end.npz", DMA32=words, DMA32_start_pfn=4096)
        assert "different machines" in str(play_guests([folder]).errors[0])

    def test_pages_that_no_allocator_could_have_told(self, folder):
        table = events()[:1000]
        draw = np.random.default_rng(1)
        table["pfn"] = draw.integers(START_PFN - 5, START_PFN + PAGES + 5, len(table))
        table["order"] = draw.integers(0, 16, len(table))
        (error,) = play_guests([write(folder, table)]).errors
        assert str(error).startswith(f"{folder / 'kpageflags.start.npz'}: a state that cannot be: pfn=")
