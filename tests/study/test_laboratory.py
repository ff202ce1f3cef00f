"""Does a study end well, whatever happens: interruption, a run that fails, hangs or kills its worker, any executor?"""

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from buddycap import POLICIES, MisuseError, RequestPath
from buddycap._world import CAUSES
from buddycap.cli import main
from buddycap.errors import FormatError
from buddycap.study import running as study
from buddycap.study.config import StudyConfig
from buddycap.study.export import export, write_csv, write_jsonl
from buddycap.study.plan import Case, Plan, Task
from buddycap.study.running import run_plan
from buddycap.study.store import DATABASE, Store
from buddycap.study.workers import Outcome, find_executor, perform, perform_all

SNAPSHOT = Path(__file__).parents[1] / "data" / "kpageflags.mixed-1GiB.npz"
TINY = StudyConfig(memory_pages=1 << 15, warmup_s=1)
ENDLESS = TINY.replace(warmup_s=1_000_000)
BOTH = (POLICIES["none"], POLICIES["v3"])
PLAN = Plan((Case("", TINY),), BOTH, (1, 2, 3))
COMPARED = ("runs.csv", "runs.jsonl", "requests.csv", "summary.json")
STUDY = ("study", "--memory", "256MiB", "--jobs", "2")


class Deadly:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (3,)


@pytest.fixture(scope="module")
def expected():
    """The records of the plan."""
    return run_plan(PLAN, executor="thread", jobs=1)


def files(folder):
    """What two equal studies have in common, byte for byte."""
    return {name: (folder / name).read_bytes() for name in COMPARED}


def rows_of(folder):
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as database:
        return database.execute("SELECT count(*) FROM runs").fetchone()[0]


def test_a_killed_study_resumes_to_the_same_bytes(tmp_path):
    arguments = [*STUDY, "--seeds", "24", "--out"]
    command = [sys.executable, "-m", "buddycap", *arguments, str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        deadline = time.monotonic() + 60
        while not (tmp_path / "killed" / "study.sqlite").exists() or not _any_rows(tmp_path / "killed"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.kill()
        child.communicate(timeout=30)  # ends only when the last worker has closed its end
    done = rows_of(tmp_path / "killed")
    assert 0 < done < 48
    assert not (tmp_path / "killed" / "runs.csv").exists()
    assert main([*arguments, str(tmp_path / "killed"), "--resume"]) == 0
    assert main([*arguments, str(tmp_path / "whole"), "--jobs", "1"]) == 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert rows_of(tmp_path / "killed") == 48


def _any_rows(folder):
    with contextlib.suppress(sqlite3.OperationalError):
        return rows_of(folder) > 2
    return False


def test_resuming_runs_only_what_is_missing(tmp_path):
    with Store(tmp_path) as store:
        run_plan(Plan(PLAN.cases, BOTH, (1,)), store, executor="thread")
        asked = []

        class Counting(ThreadPoolExecutor):
            def submit(self, function, batch, *arguments):
                asked.extend(task.seed for group in batch for task in group)
                return super().submit(function, batch, *arguments)

        run_plan(PLAN, store, executor=lambda: Counting(1))
        assert sorted(asked) == [2, 2, 3, 3]


def test_results_are_not_mixed_by_accident(tmp_path, capsys):
    arguments = ["study", "--memory", "128MiB", "--seeds", "1", "--executor", "thread", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(["study", "--resume"]) == 2


def test_another_kind_of_file_is_no_study(tmp_path):
    (tmp_path / DATABASE).write_bytes(b"junk" * 1000)
    with pytest.raises(FormatError, match="no results of a study"):
        Store(tmp_path)
    with pytest.raises(MisuseError, match="no results"):
        Store.open(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["process", "thread", "dask"])
def test_every_executor_gives_the_same_records(name, expected):
    if name == "dask":
        pytest.importorskip("distributed")
    assert run_plan(PLAN, executor=name, jobs=2) == expected


def test_a_cluster_that_is_given_up_does_not_wait_for_its_runs():
    """As after Ctrl-C, which the workers get too, so that some of what is under way may never come back."""
    pytest.importorskip("distributed")
    begin = time.monotonic()

    def give_up():
        with find_executor("dask", 1)() as executor:
            executor.submit(time.sleep, 90)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert time.monotonic() - begin < 60


def test_an_executor_of_ones_own_is_left_open(expected):
    with ThreadPoolExecutor(2) as executor:
        assert run_plan(PLAN, executor=executor) == expected
        assert executor.submit(max, 1, 2).result() == 2


def test_a_failed_run_is_an_error_row_and_the_rest_goes_on(tmp_path, expected):
    tasks = [Task(TINY, POLICIES["none"], 1), Task(TINY, POLICIES["none"], 2, str(SNAPSHOT), "Nowhere")]
    with Store(tmp_path) as store:
        for ended in perform_all(tasks, find_executor("process", 2), 2):
            store.add(ended)
        first, second = (store.record(PLAN.cases[0], task) for task in tasks)
        assert first == expected[0]
        assert "Error: " in second.error
        assert "Nowhere" in second.error
        assert not store.has(tasks[1])
        assert store.requests(tasks[1]) is None


def test_a_dying_worker_takes_only_its_own_run_along(expected):
    tasks = [task for _, task in PLAN.tasks()]
    tasks.insert(1, Task(TINY, POLICIES["none"], 9, zone=Deadly()))
    ended = perform_all(tasks, find_executor("process", 2), 4)
    outcomes = {task.seed: outcome for task, outcome in chain.from_iterable(ended)}
    assert outcomes[9].error == "the worker process died"
    assert sorted(outcomes) == [1, 2, 3, 9]
    assert {run.digest for run in (outcomes[seed].run for seed in (1, 2, 3))} <= {r.digest for r in expected}


def test_workers_that_do_not_start_are_not_blamed_on_the_runs(tmp_path):
    """A script without a guard: its workers run it again and die."""
    script = tmp_path / "script.py"
    script.write_text(
        "from buddycap import POLICIES\nfrom buddycap.study.plan import Case, Plan\n"
        "from buddycap.study.config import StudyConfig\nfrom buddycap.study.running import run_plan\n"
        "case = Case('', StudyConfig(memory_pages=1 << 15))\n"
        "run_plan(Plan((case,), (POLICIES['none'],), (1,)), jobs=1)\n"
    )
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr.rstrip().endswith("needs executor='thread'")


def test_a_hung_run_ends_alone(tmp_path, capsys):
    plan = Plan((Case("short", TINY), Case("endless", ENDLESS)), BOTH[:1], (1,))
    with Store(tmp_path) as store:
        records = run_plan(plan, store, jobs=2, timeout_s=1.0)
    assert [(record.case, record.error) for record in records] == [
        ("short", ""),
        ("endless", "hung: no result after 1 s"),
    ]


def test_errors_are_told_and_counted(capsys):
    arguments = ["study", "--memory", "128MiB", "--seeds", "1", "--policies", "none", "--timeout", "1"]
    assert main([*arguments, "--sweep", "warmup_s=1,1000000"]) == 1
    out, err = capsys.readouterr()
    assert err == "buddycap: error: warmup_s=1000000 none seed 1: hung: no result after 1 s\n"
    assert "0 (-1)" in out


def test_a_time_limit_needs_a_process_to_end():
    with pytest.raises(MisuseError, match="cannot end a run"):
        find_executor("thread", 1, 1.0)
    with pytest.raises(MisuseError, match="needs worker processes"):
        perform(Task(TINY, BOTH[0], 1), 1.0)
    with pytest.raises(MisuseError, match="needs worker processes"):
        list(perform_all([Task(TINY, BOTH[0], 1)], find_executor("thread", 1), 1, 1.0))


@pytest.mark.parametrize(("name", "jobs"), [("fork", 1), ("thread:x", 1), ("process", 0), ("process", 5000)])
def test_impossible_executors(name, jobs):
    with pytest.raises(MisuseError):
        find_executor(name, jobs)


def test_ctrl_c_keeps_what_is_done_and_leaves_no_worker(tmp_path):
    command = [sys.executable, "-m", "buddycap", *STUDY, "--seeds", "4000", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        while not (tmp_path / DATABASE).exists() or not _any_rows(tmp_path):
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)  # ends only when the last worker has closed its end
    assert (child.returncode, out) == (130, "")
    assert err.endswith("--resume goes on\nbuddycap: interrupted\n")
    assert rows_of(tmp_path) > 2


@pytest.mark.parametrize("command", ["study", "compare"])
def test_ctrl_c_shows_what_is_done_if_no_folder_keeps_it(command, monkeypatch, capsys):
    def interrupted(missing, *rest):
        for number, task in enumerate(missing):
            if number == 3:
                raise KeyboardInterrupt
            yield [(task, perform(task))]

    monkeypatch.setattr(study, "perform_all", interrupted)
    words = {"study": ["--memory", "256MiB"], "compare": ["--memory", "1GiB", "--periods", "1"]}[command]
    assert main([command, *words, "--seeds", "9", "--executor", "thread"]) == 130
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split()[:2] in (["policy", "seeds"], ["case", "policy"])
    rows = [line.removeprefix("x86_64").split()[:2] for line in out.splitlines()[1:]]  # of cases begun alone
    assert rows == {"study": [["none", "2"], ["v3", "1"]], "compare": [["none", "2"], ["v3", "1"]]}[command]
    total = {"study": 18, "compare": 36}[command]
    assert err == f"3 of {total} runs are done; --out DIR would keep them\nbuddycap: interrupted\n"


def test_tables_come_back_as_they_were(expected):
    rows = [record.flat() for record in expected]
    text = io.StringIO()
    write_jsonl(rows, text)
    assert [json.loads(line) for line in text.getvalue().splitlines()] == rows
    text = io.StringIO()
    write_csv(rows, text)
    back = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert [{name: str(value) for name, value in row.items()} for row in rows] == back


def test_parquet_holds_the_same(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    arguments = ["study", "--memory", "128MiB", "--seeds", "2", "--executor", "thread", "--out", str(tmp_path)]
    assert main(arguments) == 0
    rows = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert parquet.read_table(tmp_path / "runs.parquet").to_pylist() == rows
    requests = parquet.read_table(tmp_path / "requests.parquet").to_pylist()
    with (tmp_path / "requests.csv").open() as stream:
        assert [{name: str(value) for name, value in row.items()} for row in requests] == list(csv.DictReader(stream))


def test_every_request_has_a_row_in_csv(tmp_path):
    with Store(tmp_path) as store:
        run_plan(PLAN, store, executor="thread")
        export(store, PLAN)
        tables = {(task.policy.name, task.seed): store.requests(task) for _, task in PLAN.tasks()}
    rows: dict[tuple[str, int], list[dict[str, str]]] = {}
    with (tmp_path / "requests.csv").open() as stream:
        for row in csv.DictReader(stream):
            rows.setdefault((row["policy"], int(row["seed"])), []).append(row)
    assert rows.keys() == tables.keys()
    for key, table in tables.items():
        for name in set(table.dtype.names) - {"path", "cause"}:
            assert [int(row[name]) for row in rows[key]] == table[name].tolist()
        assert [RequestPath[row["path"].upper()] for row in rows[key]] == table["path"].tolist()
        assert [CAUSES.index(row["cause"]) for row in rows[key]] == table["cause"].tolist()


def test_a_run_with_an_error_has_no_requests(tmp_path):
    with Store(tmp_path) as store:
        store.add([(next(task for _, task in PLAN.tasks()), Outcome(None, "gone"))])
        export(store, PLAN)
    assert (tmp_path / "requests.csv").read_text() == ""
    assert not (tmp_path / "requests.parquet").exists()


def test_requests_are_kept(tmp_path):
    with Store(tmp_path) as store:
        run_plan(PLAN, store, executor="thread")
    with Store.open(tmp_path) as store:
        assert store.plan == PLAN
        for record, (_, task) in zip(store.records(PLAN), PLAN.tasks(), strict=True):
            table = store.requests(task)
            assert 100 * (table["page"] >= 0).mean() == record.summary["success_percent"]
            assert store.cpu_s(task) > 0


def test_the_table_shows_later_passes(capsys):
    words = ["study", "--memory", "128MiB", "--seeds", "1", "--policies", "none", "--executor", "thread"]
    assert main([*words, "--sweep", "passes=1,3", "--sweep", "warmup_s=1"]) == 0
    heads, one, three = capsys.readouterr().out.splitlines()[1:4]
    assert heads.endswith("2nd pass %  3rd pass %")
    assert one.split()[-2:] == ["-", "-"]
    assert all(0 <= float(word) <= 100 for word in three.split()[-2:])
