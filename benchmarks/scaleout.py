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
TICK = os.sysconf("SC_CLK_TCK")


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


def cost_of(process):
    """Return CPU seconds and MiB resident of a process that runs, or nothing."""
    try:
        words = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{process.pid}/status").read_text()
        return (int(words[11]) + int(words[12])) / TICK, int(status.split("VmRSS:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return None


def wait_for(folder, rows, process, told):
    """Wait until so many runs are kept, or the process has ended; note what it costs meanwhile."""
    while process.poll() is None and rows_of(folder) < rows:
        cost = cost_of(process)
        if cost is not None:
            told.append((rows_of(folder), *cost))
        time.sleep(0.05)


def perform(folder, runs):
    """Do the study with losses and alone; return the parent's costs, wall time and whether the files are equal."""
    address = f"tcp://127.0.0.1:{10000 + os.getpid() % 50000}"
    port = address.rpartition(":")[2]
    worker = ("-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard")
    scheduler = begun("-m", "distributed.cli.dask_scheduler", "--port", port, "--host", "127.0.0.1", "--no-dashboard")
    workers = [begun(*worker), begun(*worker)]
    study = ("-m", "buddycap", "study", "--memory", "128MiB", "--seeds", str(runs // 2))
    told = [[], []]
    begin = time.monotonic()
    try:
        out = folder / "dask"
        parent = begun(*study, "--executor", f"dask:{address}", "--out", str(out))
        wait_for(out, runs // 4, parent, told[0])
        workers[0].kill()
        workers.append(begun(*worker))
        wait_for(out, runs // 2, parent, told[0])
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        kept = rows_of(out)
        parent = begun(*study, "--executor", f"dask:{address}", "--out", str(out), "--resume")
        wait_for(out, runs, parent, told[1])
        status = parent.wait()
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
    wall_s = time.monotonic() - begin
    subprocess.run(
        [sys.executable, *study, "--executor", "thread", "--jobs", "1", "--out", str(folder / "alone")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    equal = status == 0 and all(
        (folder / "dask" / name).read_bytes() == (folder / "alone" / name).read_bytes() for name in COMPARED
    )
    return told, kept, wall_s, equal


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        told, kept, wall_s, equal = perform(Path(folder), runs)
    print(f"{runs} runs, {kept} of them kept when the parent was killed; {wall_s:.1f} s; files equal: {equal}")
    for name, costs in zip(("begun", "resumed"), told, strict=True):
        if len(costs) > 1:
            (first, cpu0, rss0), (last, cpu1, rss1) = costs[0], costs[-1]
            each = (cpu1 - cpu0) / max(last - first, 1)
            print(
                f"parent {name}: rows {first} to {last}, {1e3 * each:.2f} ms of CPU a run, {rss0:.0f} to {rss1:.0f} MiB"
            )
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main())
