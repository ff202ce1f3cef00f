"""Are the call stacks of a trace data, and who asked named by them?"""

import json

import numpy as np
import pytest

from buddycap.cli import main
from buddycap.explain.files import explain_file
from buddycap.formats import tracestacks
from buddycap.formats.stacks import caller_of, frame_of
from buddycap.formats.tracetext import TraceReader
from explainlab import case


@pytest.mark.parametrize("number", [22, 23])
def test_stacks_are_kept_with_their_events_and_are_no_damage(number):
    path, wanted = case(number)
    with TraceReader(path) as reader:
        events = np.concatenate(list(reader))
    assert reader.report.nr_skipped == 0
    assert reader.report.stack_lines == wanted["stack_lines"]
    assert [list(reader.stacks[at]) for at in range(len(events))] == [event["stack"] for event in wanted["events"]]
    assert events["pfn"].tolist() == [event["pfn"] for event in wanted["events"]]


def trace(count, frames=3):
    """A trace of allocations, each with its stack."""
    stack = "".join(f" => function_{k}+0x1/0x2\n" for k in range(frames))
    head = "  sh-7  [001] .... 10.{:06d}: mm_page_alloc: page=0 pfn={} order=0 migratetype=0 gfp_flags=GFP_KERNEL\n"
    return "".join(
        head.format(k, k + 1) + f"  sh-7  [001] .... 10.{k:06d}: <stack trace>\n{stack}" for k in range(count)
    )


def test_stacks_of_every_piece_of_a_trace_go_with_their_events(tmp_path, monkeypatch):
    monkeypatch.setattr(tracestacks, "CHUNK_FRAMES", 7)
    (tmp_path / "trace").write_text(trace(20_000))
    with TraceReader(tmp_path / "trace") as reader:
        assert sum(len(events) for events in reader) == 20_000
    assert len(reader.stacks) == 20_000
    assert set(reader.stacks.values()) == {("function_0", "function_1", "function_2")}


def test_the_stack_of_an_event_that_is_not_read_belongs_to_nobody(tmp_path):
    other = "  sh-7  [001] .... 11.000000: sched_switch: prev=a\n"
    other += "  sh-7  [001] .... 11.000001: <stack trace>\n => other+0x1\n"
    (tmp_path / "trace").write_text(trace(1) + other)
    with TraceReader(tmp_path / "trace") as reader:
        list(reader)
    assert reader.stacks == {0: ("function_0", "function_1", "function_2")}
    assert reader.report.stack_lines == 6


def test_stacks_need_not_be_kept(tmp_path):
    (tmp_path / "trace").write_text(trace(3))
    with TraceReader(tmp_path / "trace", stacks=False) as reader:
        list(reader)
    assert (reader.stacks, reader.report.stack_lines) == ({}, 12)


def test_callers_are_named_with_what_is_still_in_use(tmp_path, capsys):
    free = "  sh-7  [001] .... 12.000000: mm_page_free: page=0 pfn=1 order=0\n"
    (tmp_path / "trace").write_text(trace(3) + free)
    [caller] = explain_file(tmp_path / "trace").as_dict()["requests"]["callers"]
    assert (caller["caller"], caller["orders"], caller["alive_pages"]) == ("function_0", {"0": 3}, 2)
    assert main(["fragmentation", str(tmp_path / "trace"), "--collapsed"]) == 0
    assert capsys.readouterr().out == "function_2;function_1;function_0 3\n"


def test_a_block_that_is_freed_in_part_leaves_the_rest_in_use(tmp_path):
    text = trace(1).replace("pfn=1 order=0", "pfn=8 order=2")
    free = "  sh-7  [001] .... 12.000000: mm_page_free: page=0 pfn=8 order=0\n"
    (tmp_path / "trace").write_text(text + free)
    assert explain_file(tmp_path / "trace").as_dict()["requests"]["callers"][0]["alive_pages"] == 3


@pytest.mark.parametrize(
    ("stack", "caller"),
    [
        (
            ["post_alloc_hook", "get_page_from_freelist", "alloc_pages_mpol", "alloc_slab_page", "inode_init"],
            "inode_init",
        ),
        (["__alloc_pages", "__kmalloc_large"], "__kmalloc_large"),
        ([], None),
    ],
)
def test_plumbing_is_no_caller(stack, caller):
    assert caller_of(stack) == caller


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (" => __alloc_skb+0x7e/0x280 <ffffffff81676bce>", "__alloc_skb"),
        (" => __alloc_skb (ffffffff81676bce)", "__alloc_skb"),
        ("\tffffffffbe2383bd alloc_slab_page+0xd ([kernel.kallsyms])", "alloc_slab_page"),
        (" ? doubtful+0x1/0x2", None),
        (" slow.constprop.0+0x1/0x2", "slow"),
        ("", None),
    ],
)
def test_a_line_of_a_stack_names_its_function(line, name):
    assert frame_of(line) == name


@pytest.mark.parametrize("number", [27, 34])
def test_replay_without_a_snapshot_tells_the_stalls_too(number, capsys):
    path, wanted = case(number)
    assert main(["replay", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["stalls"], found["by_task"]) == (wanted["stalls"], wanted["by_task"])
    assert found["trace"]["skipped"] == {}
    assert main(["replay", str(path)]) == 0
    assert capsys.readouterr().out.startswith("stalls: ")
