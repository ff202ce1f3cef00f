"""Can results of a study change unseen, or be lost: a damaged file, one of before, a full disk, two at once?"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from bitflips import flip_bits, random_flips, told
from buddycap import POLICIES, FormatError, MisuseError
from buddycap.cli import main
from buddycap.study import studyfile
from buddycap.study.config import StudyConfig
from buddycap.study.plan import Case, Plan
from buddycap.study.running import run_plan
from buddycap.study.store import DATABASE, Store

TINY = StudyConfig(memory_pages=1 << 15, warmup_s=1)
PLAN = Plan((Case("", TINY),), (POLICIES["none"], POLICIES["v3"]), (1, 2))
WORDS = ["study", "--memory", "128MiB", "--seeds", "2", "--executor", "thread", "--sweep", "warmup_s=1"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The bytes of a finished study's file, and what it tells."""
    folder = tmp_path_factory.mktemp("study")
    with Store(folder) as store:
        run_plan(PLAN, store, executor="thread")
    return (folder / DATABASE).read_bytes(), told(folder)


@pytest.fixture
def folder(study, tmp_path):
    (tmp_path / DATABASE).write_bytes(study[0])
    return tmp_path


@contextlib.contextmanager
def sql(folder):
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as database, database:
        yield database


def in_the_old_way(folder):
    """Make the file one of before: without digests."""
    with sql(folder) as database:
        for table in ("meta", "runs", "timings"):
            database.execute(f"ALTER TABLE {table} DROP COLUMN sha256")
        database.execute("DELETE FROM meta WHERE name LIKE 'digest%'")
        database.execute("UPDATE meta SET value = 'buddycap-study-1' WHERE name = 'format'")


def repeated(folder):
    """Resume the plan with a repair; the seeds that were run."""
    seeds = []
    with Store(folder, repair=True) as store:
        seeds += [task.seed for _, task in PLAN.tasks() if not store.has(task)]
        run_plan(PLAN, store, executor="thread")
    return seeds


def test_a_lean_store_tells_the_same(tmp_path):
    """New rows and those of before are read from the file; what is asked often is not."""
    for plan, begin in ((PLAN, "new"), (replace(PLAN, seeds=(1, 2, 3)), "more")):
        with Store(tmp_path / "lean", lean=True) as lean, Store() as whole:
            records = run_plan(plan, lean, executor="thread")
            assert records == run_plan(plan, whole, executor="thread"), begin
            for _, task in plan.tasks():
                assert lean.requests(task).tolist() == whole.requests(task).tolist()
                assert lean.has(task)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE runs SET digest = 'another' WHERE seed = 2", r"runs \(seed 2\): damaged while the study ran"),
        ("DELETE FROM runs WHERE seed = 2", "runs: damaged while the study ran"),
    ],
)
def test_a_lean_store_notices_rows_that_change_under_it(change, told, tmp_path):
    with Store(tmp_path, lean=True) as store:
        run_plan(PLAN, store, executor="thread")
        with sql(tmp_path) as database:
            database.execute(change)
        with pytest.raises(FormatError, match=told):
            store.records(PLAN)


def test_an_index_that_is_damaged_loses_no_row_of_a_lean_store(folder, study):
    """The rows are sound, so nothing is refused; but who looks for one in the index does not find it."""
    with sql(folder) as database:
        names = "PRIMARY KEY (config, policy, seed, version)"
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE '%index_runs%'").fetchone()
        assert names in database.execute("SELECT sql FROM sqlite_master WHERE name = 'runs'").fetchone()[0]
    data = bytearray((folder / DATABASE).read_bytes())
    data[4096 * (root - 1) + 3 : 4096 * (root - 1) + 5] = bytes(2)  # of the page: how many cells it has
    (folder / DATABASE).write_bytes(data)
    with Store(folder, lean=True) as store:
        store.plan = PLAN
        assert all(store.has(task) for _, task in PLAN.tasks())
    assert told(folder) == study[1]


def test_a_run_that_could_not_be_added_damages_nothing(folder, monkeypatch):
    """A full disk or Ctrl-C in the middle of a row, and the same store goes on with others."""
    put, left = studyfile._put, [3]

    def interrupted(*words):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        put(*words)

    monkeypatch.setattr(studyfile, "_put", interrupted)
    plan = replace(PLAN, seeds=(1, 2, 3))
    with Store(folder) as store:
        store.plan = plan
        with pytest.raises(KeyboardInterrupt):
            run_plan(plan, store, executor="thread")
        run_plan(replace(PLAN, policies=PLAN.policies[:1], seeds=(4,)), store, executor="thread")
    with Store.open(folder) as store:
        assert all(record.ok for record in store.records(PLAN))
        assert len(store.records(replace(PLAN, seeds=(1, 2, 3, 4)))) == 5


def test_no_flipped_bit_changes_a_result(study, tmp_path):
    found = flip_bits(study[0], random_flips(len(study[0]), 300, 5), tmp_path)
    assert set(found) == {"same", "refused"}
    assert found["refused"] > 100


def test_a_flip_that_nobody_looked_for_would_be_seen(study, tmp_path, monkeypatch):
    """The test above can fail: as it would if digests were not compared."""
    monkeypatch.setattr("buddycap.study.studyfile.row_digest", lambda table, values: "0" * 64)
    (tmp_path / "bare").mkdir()
    with Store(tmp_path / "bare") as store:
        run_plan(PLAN, store, executor="thread")
    bare = (tmp_path / "bare" / DATABASE).read_bytes()
    found = flip_bits(bare, random_flips(len(bare), 60, 5), tmp_path)
    assert found["SILENT"] > 0


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("UPDATE runs SET summary = replace(summary, '0', '1') WHERE rowid = 2", "runs, row 2 (seed "),
        ("UPDATE runs SET summary = '{'", "runs, row 1 (seed "),
        ("UPDATE runs SET seed = 'x' WHERE rowid = 3", "runs, row 3: "),
        ("UPDATE timings SET cpu_s = 2 * cpu_s WHERE rowid = 1", "timings, row 1 (seed "),
        ("UPDATE meta SET value = value || ' ' WHERE name = 'plan'", "meta, row "),
        ("UPDATE meta SET value = '5' WHERE name = 'digest of runs'", "meta, row "),
        ("DELETE FROM runs WHERE rowid = 2", "runs: damaged"),
        ("DELETE FROM timings WHERE rowid = 2", "timings: damaged"),
        ("DELETE FROM meta WHERE name = 'plan'", "meta: damaged"),
        ("DROP TABLE timings", "no such table"),
    ],
)
def test_damage_is_refused_by_file_and_row_and_run_again_if_asked(change, where, folder, study, capsys):
    with sql(folder) as database:
        database.execute(change)
    with pytest.raises(FormatError, match="--resume --repair") as caught:
        Store(folder)
    assert where in str(caught.value)
    assert caught.value.file == str(folder / DATABASE)
    damaged = (folder / DATABASE).read_bytes()
    assert len(repeated(folder)) <= 4
    assert (folder / f"{DATABASE}.damaged").read_bytes() == damaged
    assert json.loads(told(folder))[:3] == json.loads(study[1])[:3]


def test_no_row_hides_behind_another_of_its_number(study, tmp_path):
    """A flipped bit made row 2 a second row 3, and one of them was lost without a word: found by 10,000 flips."""
    places = [place for place, byte in enumerate(study[0]) if byte in (2, 3)]
    found = flip_bits(study[0], [(place, 0) for place in places], tmp_path)
    assert set(found) == {"same", "refused"}


def test_only_what_is_damaged_is_run_again(folder):
    with sql(folder) as database:
        database.execute("UPDATE runs SET summary = '{' WHERE seed = 2")
    assert repeated(folder) == [2, 2]
    assert repeated(folder) == []


def test_pages_of_zeros_are_refused(folder, study):
    data = bytearray(study[0])
    data[4096 * 2 : 4096 * 6] = bytes(4096 * 4)
    (folder / DATABASE).write_bytes(data)
    with pytest.raises(FormatError):
        Store.open(folder)
    repeated(folder)
    assert json.loads(told(folder))[:3] == json.loads(study[1])[:3]


def test_a_file_of_before_is_read_with_a_warning_and_gets_digests(folder, study, caplog):
    in_the_old_way(folder)
    assert told(folder) == study[1]
    assert "without digests" in caplog.text
    caplog.clear()
    with Store(folder) as store:
        store.plan = PLAN
    assert told(folder) == study[1]
    assert len(caplog.records) == 1, "of the last reading no warning"
    with sql(folder) as database:
        database.execute("UPDATE runs SET digest = 'f' WHERE rowid = 1")
    with pytest.raises(FormatError, match="row 1"):
        Store(folder)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE runs SET summary = '{' WHERE rowid = 2",
        "UPDATE runs SET summary = '[]' WHERE rowid = 2",
        "UPDATE runs SET summary = replace(summary, 'success_percent', 'successZpercent') WHERE rowid = 2",
        'UPDATE runs SET totals = \'{"a": "b"}\' WHERE rowid = 2',
        "UPDATE runs SET requests = x'00' WHERE rowid = 2",
        "UPDATE runs SET requests = 7 WHERE rowid = 2",
        "UPDATE meta SET value = '{}' WHERE name = 'plan'",
        "UPDATE meta SET value = 'buddycap-study-9' WHERE name = 'format'",
    ],
)
def test_what_cannot_be_read_in_a_file_of_before_is_damage(change, folder):
    in_the_old_way(folder)
    with sql(folder) as database:
        database.execute(change)
    with pytest.raises(FormatError):
        Store(folder)


def test_a_study_that_is_replaced_leaves_no_journal_to_the_new_one(folder):
    """SQLite would roll the new file back to what the journal of the older one says."""
    (folder / f"{DATABASE}-journal").write_bytes(b"left by a killed process")
    with Store(folder, fresh=True) as store:
        run_plan(PLAN, store, executor="thread")
    assert sorted(os.listdir(folder)) == [DATABASE]


def test_two_studies_in_one_folder_at_once(folder):
    with Store(folder), pytest.raises(MisuseError, match="another process"):
        Store(folder)
    with Store(folder):
        assert told(folder), "it can be read meanwhile"


def test_what_is_no_file_is_left_alone(tmp_path, capsys):
    (tmp_path / "a" / DATABASE).mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / DATABASE)
    for name in ("a", "b"):
        for more in ([], ["--resume"], ["--force"]):
            assert main([*WORDS, "--out", str(tmp_path / name), *more]) == 2
            assert capsys.readouterr().err.count("\n") == 1


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))
from buddycap.cli import main
from buddycap.study import studyfile
sys.exit(main({words!r}))
"""


@pytest.mark.parametrize("most", [1000, 33_000, 60_000])
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing_half_written(most, tmp_path):
    """No file may grow beyond so many bytes: SQLite gets an error as from a full disk."""
    words = [*WORDS[:4], "40", *WORDS[5:], "--out", str(tmp_path)]
    program = LIMITED.format(most=most, words=words)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1
    assert [name for name in os.listdir(tmp_path) if name.endswith((".new", "-journal"))] == []
    if (tmp_path / DATABASE).exists():
        assert told(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_folder_that_may_not_be_written(folder, tmp_path_factory):
    """The same study is made by root before: so all is imported that somebody else might not be let read."""
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and parent != parent.parent:
            parent.chmod(parent.stat().st_mode | 0o055)
    words = [*WORDS, "--seeds", "3", "--resume", "--out"]
    own = shutil.copytree(folder, tmp_path_factory.mktemp("own"), dirs_exist_ok=True)
    program = (
        "import os, sys\nfrom buddycap.cli import main\n"
        f"assert main({[*words, str(own)]!r}) == 0\n"
        f"os.setuid(65534)\nsys.exit(main({[*words, str(folder)]!r}))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "readonly" in result.stderr
