"""Does the allocator of a whole recorded machine come out of its requests alone, and is every fault seen?"""

import gzip
import json
import re
from pathlib import Path

import pytest

from buddycap import FormatError, cli
from buddycap.conformance.guests.allocator import boot, compiled_node
from buddycap.conformance.guests.play import play_guests
from guestlab import MOVABLE, RECLAIMABLE, UNMOVABLE, Recorder
from reference.linux_6_1.zone import Node, Zone

FORK = Path(__file__).parents[1] / "data" / "guests" / "fork"


def twin(state):
    """The twin in a recorded state."""
    return boot(Zone, Node, state)


def play(*folders):
    return play_guests(folders)


def exact(folder):
    """Play a guest that must come out exactly; its hints by kind."""
    result = play(folder)
    assert [str(difference) for difference in result.guests[0].tally.differences] == []
    assert result.status == 0
    return dict(result.hints)


def change_trace(folder, pattern, replacement, which=0):
    """Change one match of a pattern in the trace."""
    path = folder / "trace.txt.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    match = list(re.finditer(pattern, text, re.M))[which]
    changed = text[: match.start()] + match.expand(replacement) + text[match.end() :]
    assert changed != text
    with gzip.open(path, "wt") as file:
        file.write(changed)


def change_state(folder, name, change):
    """Change one of the two states."""
    path = folder / f"state.{name}.json.gz"
    value = json.loads(gzip.decompress(path.read_bytes()))
    change(value["zones"][-1])
    with gzip.open(path, "wt") as file:
        json.dump(value, file)


def differing(folder):
    """What differs when a guest is played: texts without numbers of events."""
    result = play(folder)
    assert result.status == 1
    return [difference.what for difference in result.guests[0].tally.differences]


class TestRecordedMachine:
    """A small machine of Linux 6.1 whose tasks forked."""

    @pytest.mark.parametrize("make_node", [compiled_node, twin])
    def test_it_comes_out_exactly(self, make_node):
        result = play_guests([FORK], make_node)
        assert result.summary == "guests: 1 machines, 23536 events, 236 hints, 0 differences"
        assert result.lines()[:2] == [
            "fork: 23536 events, 236 hints, 0 differences",
            "hints: 236 pages taken in bulk",
        ]
        assert result.status == 0

    def test_folders_are_searched(self):
        assert len(play(FORK.parent).guests) == 1

    def test_command(self, capsys):
        assert cli.main(["conformance", "--guest", str(FORK)]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "fork: 23536 events, 236 hints, 0 differences",
            "hints: 236 pages taken in bulk",
            "guests: 1 machines, 23536 events, 236 hints, 0 differences",
        ]

    def test_command_in_json(self, capsys):
        assert cli.main(["conformance", "--json", "--guest", str(FORK)]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["guests"][0]["tally"] == {
            "events": 23536,
            "hints": {"pages taken in bulk": 236},
            "differences": [],
        }

    @pytest.mark.parametrize("arguments", [["nowhere"], ["--guest", "nowhere"], [str(FORK), "--guest", str(FORK)]])
    def test_command_refuses(self, arguments):
        assert cli.main(["conformance", *arguments]) == 2


class TestHints:
    """What no trace says is recognised, counted, and only that."""

    @pytest.fixture
    def machine(self):
        recorder = Recorder()
        recorder.mixed(600)
        recorder.start()
        recorder.mixed(200)
        return recorder

    def finish(self, recorder, folder):
        recorder.mixed(300)
        return exact(recorder.write(folder))

    def test_none_are_needed_for_requests_alone(self, machine, tmp_path):
        hints = self.finish(machine, tmp_path)
        assert set(hints) <= {"changes of ownership"}

    def test_pages_taken_in_bulk(self, machine, tmp_path):
        pages = machine.bulk(40, UNMOVABLE)
        machine.alloc(0, MOVABLE)
        machine.alloc(0, UNMOVABLE)
        assert len(pages) == 40
        assert self.finish(machine, tmp_path)["pages taken in bulk"] >= 40

    def test_drain_of_whole_lists(self, machine, tmp_path):
        machine.alloc(0, MOVABLE)
        machine.drain_all()
        assert self.finish(machine, tmp_path)["drains of whole lists"] == 1

    def test_drain_of_whole_lists_after_a_free(self, machine, tmp_path):
        machine.drain_all()
        machine.alloc(0, MOVABLE)
        machine.free(machine.alloc(0, UNMOVABLE))
        machine.drain_all()
        assert self.finish(machine, tmp_path)["drains of whole lists"] == 2

    def test_kswapd_at_work(self, machine, tmp_path):
        machine.drain_all()
        singles = [machine.alloc(0, MOVABLE) for _ in range(12)]
        with machine.kswapd():
            for pfn in singles:
                machine.free(pfn)
        assert self.finish(machine, tmp_path)["kswapd begins or ends (RECLAIM)"] == 2

    def test_kswapd_at_work_when_the_lists_are_full(self, machine, tmp_path):
        """Above `high` something is drained with it and without it, but not as much."""
        high, batch = (machine.zone.pcp(0)[name] for name in ("high", "batch"))
        singles = [machine.alloc(0, MOVABLE) for _ in range(high + 20)]
        machine.drain_all()
        assert high > 4 * batch
        for pfn in singles[: high + 2]:
            machine.free(pfn)
        with machine.kswapd():
            machine.free_batch(singles[high + 2 :])
        assert self.finish(machine, tmp_path)["kswapd begins or ends (RECLAIM)"] == 2

    def test_locked_list(self, machine, tmp_path):
        pages = [machine.alloc(0, MOVABLE) for _ in range(3)]
        machine.free_batch(pages[:2], interrupt=pages[2])
        assert self.finish(machine, tmp_path)["locked lists"] == 1

    def test_raised_marks(self, tmp_path):
        recorder = Recorder(dma=True, pages=32768)
        recorder.start()
        recorder.mixed(100, orders=(0, 1, 2))
        high = sum(zone.wmark[2] for zone in recorder.node.zones)
        managed = sum(zone.managed_pages for zone in recorder.node.zones)
        recorder.node.set_min_free_kbytes((managed - high) // 20 * 4)
        recorder.alloc(9, MOVABLE)
        assert self.finish(recorder, tmp_path)["raised marks"] == 1

    def test_change_of_ownership(self, tmp_path):
        """A fallback that takes the pageblock, and one that does not, from pages in use of one kind or the other."""
        recorder = Recorder(pages=2048, seed=4)
        recorder.mixed(400, share=0.9)
        for pfn, _ in recorder.held[::2]:
            recorder.node.set_lru(pfn, 1)
        recorder.start()
        recorder.mixed(800, share=0.95)
        hints = exact(recorder.write(tmp_path))
        owned = re.findall(r"fallback_order=[0-8] .*change_ownership=([01])", "".join(recorder.lines))
        assert hints == {"changes of ownership": len(owned)}
        assert set(owned) == {"0", "1"}

    def test_two_cpus(self, tmp_path):
        recorder = Recorder(cpus=2, pages=8192, dma=True)
        recorder.mixed(500)
        recorder.start()
        recorder.mixed(3000, share=0.8)
        exact(recorder.write(tmp_path))


class TestFaults:
    """Each comparison can fail."""

    @pytest.fixture
    def folder(self, tmp_path):
        recorder = Recorder(pages=2048, seed=4)
        recorder.mixed(400, share=0.9)
        recorder.start()
        recorder.mixed(800, share=0.95)
        return recorder.write(tmp_path)

    def test_the_guest_itself_is_exact(self, folder):
        exact(folder)

    @pytest.mark.parametrize(
        ("event", "digit", "what"),
        [
            (r"(mm_page_alloc: .* pfn=0x1.)[0-9a-f]", "f", "pfn (alloc of order"),
            (r"(mm_page_alloc_zone_locked: .* pfn=0x1.)[0-9a-f]", "f", "told (alloc of order"),
            (r"(mm_page_alloc_zone_locked: .* percpu_refill=)1", "0", "told (alloc of order"),
            (r"(mm_page_alloc_extfrag: .* pfn=0x1.)[0-9a-f]", "f", "told (alloc of order"),
            (r"(mm_page_alloc_extfrag: .* fallback_order=)[0-8]", "9", "told (alloc of order"),
            (r"(mm_page_alloc_extfrag: .* fallback_migratetype=)\d", "3", "told (alloc of order"),
            (r"(mm_page_pcpu_drain: .* pfn=0x1.)[0-9a-f]", "f", "told ("),
            (r"(mm_page_pcpu_drain: .* migratetype=)\d", "3", "told ("),
        ],
    )
    def test_event(self, folder, event, digit, what):
        change_trace(folder, event, rf"\g<1>{digit}")
        assert any(found.startswith(what) for found in differing(folder))

    def test_owner_of_a_whole_pageblock(self, tmp_path):
        recorder = Recorder()
        recorder.start()
        recorder.alloc(0, UNMOVABLE)
        folder = recorder.write(tmp_path)
        exact(folder)
        change_trace(folder, r"(fallback_order=10 .* change_ownership=)1", r"\g<1>0")
        assert differing(folder) == ["told (alloc of order 0 on cpu 0)"]

    @pytest.mark.parametrize("event", ["mm_page_alloc_zone_locked", "mm_page_pcpu_drain", "mm_page_alloc_extfrag"])
    def test_what_is_missing(self, folder, event):
        change_trace(folder, rf"^.* {event}: .*\n", "", which=3 if event != "mm_page_alloc_extfrag" else 0)
        assert differing(folder)

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            (lambda zone: zone.update(watermark_boost=zone["watermark_boost"] + 512), "boost"),
            (lambda zone: zone.update(nr_free_counter=zone["nr_free_counter"] + 1), "nr_free_pages"),
            (lambda zone: zone["lowmem_reserve"].__setitem__(0, 5), "lowmem_reserve"),
            (lambda zone: zone["pageblock_flags"].__setitem__(0, 3), "pageblock 0"),
            (lambda zone: zone["pcp"][0].update(free_factor=7), "pcp 0: free_factor"),
            (lambda zone: zone["pcp"][0].update(count=10_000), "pcp 0: count"),
            (lambda zone: next(pages for pages in zone["pcp"][0]["lists"] if len(pages) > 1).reverse(), "pcp 0: list"),
            (
                lambda zone: next(p for lists in zone["free"] for p in lists if len(p) > 1).reverse(),
                "free blocks of order",
            ),
        ],
    )
    def test_the_last_state(self, folder, change, what):
        change_state(folder, "end", change)
        assert [found for found in differing(folder) if what in found]

    def test_the_first_state(self, folder):
        change_state(folder, "start", lambda zone: next(p for p in zone["pcp"][0]["lists"] if len(p) > 1).reverse())
        assert any(what.startswith("pfn (alloc of order") for what in differing(folder))

    def test_a_page_that_stands_deeper_in_the_list_is_no_bulk(self, tmp_path):
        """Two pages of a list change places: neither is freed without having been allocated."""
        recorder = Recorder(pages=32768)
        recorder.start()
        for _ in range(3):
            recorder.alloc(0, MOVABLE)
        assert [line.count("mm_page_alloc:") for line in recorder.lines[-2:]] == [1, 1]
        recorder.lines[-2], recorder.lines[-1] = recorder.lines[-1], recorder.lines[-2]
        folder = recorder.write(tmp_path)
        result = play(folder)
        assert len(result.guests[0].tally.differences) == 2
        assert result.hints == {}


class TestCompaction:
    def test_what_follows_it_is_counted_apart(self, tmp_path):
        recorder = Recorder()
        recorder.mixed(300)
        recorder.start()
        recorder.mixed(100)
        begin = "zone_start=0x1000 migrate_pfn=0x1000 free_pfn=0x1e00 zone_end=0x2000, mode=sync"
        recorder.line("mm_compaction_begin", begin, pid=28)
        recorder.zone.rmqueue(3, RECLAIMABLE)  # compaction takes pages with no event
        recorder.node.take_events()
        recorder.mixed(300)
        result = play(recorder.write(tmp_path))
        (guest,) = result.guests
        assert (guest.tally.differences, result.status) == ([], 0)
        assert guest.apart.differences
        assert any("from compaction at event" in line for line in guest.lines())
        assert result.summary.endswith("0 differences")


class TestDamagedFolders:
    @pytest.fixture
    def folder(self, tmp_path):
        recorder = Recorder()
        recorder.start()
        recorder.mixed(50)
        return recorder.write(tmp_path / "guest")

    def test_no_guest(self, tmp_path):
        with pytest.raises(FormatError, match="no guest"):
            play(tmp_path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda zone: zone.update(name="Zone"), "no state of an allocator"),
            (lambda zone: zone["pcp"][0]["lists"].pop(), "of another kernel"),
            (lambda zone: zone["free"][3][1].append(4097), "block of order 3 at 4097 cannot be there"),
            (lambda zone: zone["free"][0][1].append(-1), "no number of pages"),
            (lambda zone: zone["watermark"].reverse(), "a state that cannot be"),
            (lambda zone: zone.pop("watermark"), "no state of an allocator"),
            (lambda zone: zone["free"][10][1].append(zone["free"][10][1][0]), "cannot be there"),
        ],
    )
    def test_state(self, folder, change, message):
        change_state(folder, "start", change)
        result = play(folder)
        assert result.status == 2
        assert re.search(message, str(result.errors[0]))
        assert str(folder / "state.start.json.gz") in str(result.errors[0])

    def test_state_that_is_cut(self, folder):
        path = folder / "state.end.json.gz"
        path.write_bytes(path.read_bytes()[:100])
        assert play(folder, FORK).status == 2

    def test_trace_that_is_none(self, folder):
        (folder / "trace.txt.gz").write_bytes(gzip.compress(b"hello\n"))
        assert play(folder).status == 2

    def test_trace_of_a_larger_machine(self, folder):
        change_trace(folder, r"\[000\]", "[003]")
        assert "an event of CPU 3: the states have 1" in str(play(folder).errors[0])

    def test_states_of_different_machines(self, folder):
        change_state(folder, "end", lambda zone: zone["pcp"].append({**zone["pcp"][0], "lists": [[]] * 14}))
        assert "different machines" in str(play(folder).errors[0])
