"""Does a sweep take more memory where it is collected, the more runs it has, and do short runs go together?"""

import gc
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import pytest

from buddycap import POLICIES
from buddycap.commands.experiment import show
from buddycap.study import running
from buddycap.study.config import StudyConfig
from buddycap.study.export import export
from buddycap.study.packing import Packed
from buddycap.study.plan import Case, Plan, Task
from buddycap.study.run import run_once
from buddycap.study.running import complete
from buddycap.study.store import Store
from buddycap.study.workers import Cluster, Outcome, batches, processes

TINY = StudyConfig(memory_pages=1 << 15, warmup_s=1)
BOTH = (POLICIES["none"], POLICIES["v3"])
PLAN = Plan((Case("", TINY),), BOTH, tuple(range(40)))
ROW = 1000  # bytes that a run may take; as a record it has 5,000


@pytest.fixture(scope="module")
def outcome():
    """How a run of few requests ended."""
    run = run_once(TINY, BOTH[0], 1)
    return Outcome(Packed.of(replace(run, requests=run.requests[:10])))


def most_memory(plan, folder, outcome, monkeypatch):
    """The most that the parent has while it collects runs, goes on with them, writes all files and shows the table."""

    def performed(tasks, *rest):
        return ([(task, outcome)] for task in tasks)

    monkeypatch.setattr(running, "perform_all", performed)
    with Store(folder, lean=True) as store:
        complete(replace(plan, seeds=plan.seeds[1:]), store)
    gc.collect()
    tracemalloc.start()
    with Store(folder, lean=True) as store:
        records = complete(plan, store)
        export(store, plan)
        show(plan, records, "table")
        show(plan, records, "csv")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_runs(outcome, tmp_path, monkeypatch, capsys):
    """Runs of before and new ones are read, aggregated, written and printed one after the other."""
    monkeypatch.setattr("buddycap.study.export.GROUP_CELLS", 1 << 12)
    most_memory(replace(PLAN, seeds=(1, 2)), tmp_path / "first", outcome, monkeypatch)  # what is imported and cached
    few, many = (
        most_memory(replace(PLAN, seeds=tuple(range(seeds))), tmp_path / str(seeds), outcome, monkeypatch)
        for seeds in (30, 80)
    )
    assert many - few < ROW * 100


@pytest.mark.parametrize("module", ["study.workers", "commands.study", "calls.study"])
def test_what_reads_recordings_is_not_imported_for_studies_without(module):
    """Every worker process imports anew what it needs before its first run."""
    code = f"""if True:
        import sys, buddycap.{module}
        unused = ("buddycap.formats", "buddycap.recorded.", "importlib.metadata")
        print([name for name in sys.modules if name.startswith(unused)])
    """
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("given", [None, "3"])
def test_workers_import_numpy_without_its_threads(given, monkeypatch):
    """Unless somebody wants some."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
    with processes(1) as executor:
        assert executor.submit(os.getenv, "OPENBLAS_NUM_THREADS").result() == (given or "1")
    assert os.environ.get("OPENBLAS_NUM_THREADS") == given


def test_short_runs_go_together_until_few_are_left():
    tasks = [Task(TINY, policy, seed) for seed in range(1000) for policy in BOTH]
    found = list(batches(iter(tasks), 4, 1000))
    assert [task for batch in found for group in batch for task in group] == tasks
    assert [len(batch) for batch in found[:3]] == [8, 8, 8]
    assert [len(batch) for batch in found[-16:]] == [1] * 16
    assert all(len(batch) == 1 for batch in batches(tasks[:32], 4, 16))


def test_a_cluster_that_grows_is_given_more():
    class Client:
        threads = 2

        def get_executor(self):
            return None

        def ncores(self):
            return {"one": self.threads, "another": 1}

    client = Client()
    cluster = Cluster(client)
    assert cluster.wanted() == 6
    client.threads = 9
    assert cluster.wanted() == 6, "it is not asked all the time"
    cluster._known_until = 0.0
    assert cluster.wanted() == 20
