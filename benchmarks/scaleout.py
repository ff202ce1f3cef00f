"""A sweep of short runs through Dask, its scheduler and workers as processes of their own, with losses on the way.

    python benchmarks/scaleout.py --runs 10000

One worker is killed and another one added after a quarter of the runs, the parent is killed after half of them and
begun again.  The files must be those of a study in one process; printed is what the parent and the workers took.
"""

import argparse
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMPARED = ("runs.csv", "requests.csv", "runs.jsonl", "summary.json")
SHORT = ("--memory", "128MiB", "--sweep", "warmup_s=1", "--sweep", "warmup_permille=100")  # as short as a run can be


def begun(*words):
    """Start a process that says nothing."""
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def rows_of(folder):
    """Return how many runs are kept."""
    try:
        with contextlib.closing(sqlite3.connect(folder / "study.sqlite")) as database:
            return int(database.execute("SELECT count(*) FROM runs").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait_for(folder, rows, process):
    """Wait until so many runs are kept, or the process has ended."""
    while process.poll() is None and rows_of(folder) < rows:
        time.sleep(0.2)


def cost_of(process):
    """Wait for a process; return its status, its CPU seconds and the most memory it had, MiB."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def perform(folder, runs):
    """Do the study with losses and alone; return what was told of it and whether the files are equal."""
    address = f"tcp://127.0.0.1:{10000 + os.getpid() % 50000}"
    port = address.rpartition(":")[2]
    worker = ("-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard")
    scheduler = begun("-m", "distributed.cli.dask_scheduler", "--port", port, "--host", "127.0.0.1", "--no-dashboard")
    workers = [begun(*worker), begun(*worker)]
    study = ("-m", "buddycap", "study", *SHORT, "--seeds", str(runs // 2))
    spread = (*study, "--executor", f"dask:{address}", "--out", str(folder / "dask"))
    told = []
    try:
        begin = time.monotonic()
        parent = begun(*spread)
        wait_for(folder / "dask", runs // 4, parent)
        workers[0].kill()
        workers.append(begun(*worker))
        wait_for(folder / "dask", runs // 2, parent)
        parent.send_signal(signal.SIGKILL)
        costs = cost_of(parent)
        kept = rows_of(folder / "dask")
        told.append(("begun", kept, time.monotonic() - begin, costs))
        begin = time.monotonic()
        parent = begun(*spread, "--resume")
        wait_for(folder / "dask", runs, parent)
        reached = time.monotonic() - begin
        told.append(("resumed", runs - kept, reached, cost_of(parent)))
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
    begin = time.monotonic()
    alone = begun(*study, "--executor", "thread", "--jobs", "1", "--out", str(folder / "alone"))
    wait_for(folder / "alone", runs, alone)
    reached = time.monotonic() - begin
    told.append(("alone, in one process", runs, reached, cost_of(alone)))
    equal = all((folder / "dask" / name).read_bytes() == (folder / "alone" / name).read_bytes() for name in COMPARED)
    return told, equal and told[1][3][0] == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        told, equal = perform(Path(folder), runs)
    for name, done, wall_s, (_, cpu_s, most) in told:
        print(
            f"{name}: {done} runs in {wall_s:.1f} s, {done / wall_s:.1f} a second; "
            f"{1e3 * cpu_s / done:.2f} ms of CPU a run and {most:.0f} MiB at most in the parent"
        )
    print(f"{runs} runs, load {os.getloadavg()[0]:.1f}; files equal: {equal}")
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main())
