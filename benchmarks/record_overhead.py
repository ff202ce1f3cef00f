"""What `buddycap record` costs the program that is recorded: the same program with and without, in turns.

    python benchmarks/record_overhead.py [--pairs N] [--mib N] [--rounds N]

The program asks for memory, writes a byte in each page and gives it back, in pages of 4 KiB: it does nothing but
allocate, so what is told is the most that recording costs. It tells its own CPU time, for other work on the machine
lengthens the time on the clock. Root and tracefs are needed.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

PROGRAM = """
import mmap, resource, sys
rounds, size = int(sys.argv[1]), int(sys.argv[2])
for _ in range(rounds):
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, size, 4096):
        memory[at] = 1
    memory.close()
used = resource.getrusage(resource.RUSAGE_SELF)
print("cpu", used.ru_utime, used.ru_stime, file=open(sys.argv[3], "w"))
"""


def cpu_of(command: list[str], told: Path) -> tuple[float, float, str]:
    """Run the program, or what records it; its CPU time in user and in kernel mode, and what was printed."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    words = told.read_text().split()
    return float(words[1]), float(words[2]), result.stdout + result.stderr


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--mib", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args()
    whole, kernel = [], []
    for pair in range(args.pairs):
        found = {}
        for recorded in (False, True) if pair % 2 else (True, False):
            with tempfile.TemporaryDirectory() as folder:
                told = Path(folder) / "cpu"
                program = [sys.executable, "-c", PROGRAM, str(args.rounds), str(args.mib << 20), str(told)]
                record = [sys.executable, "-m", "buddycap", "record", "-o", str(Path(folder) / "rec"), "--"]
                user, system, printed = cpu_of(record * recorded + program, told)
                found[recorded] = user + system, system
                if recorded:
                    print(printed.strip().splitlines()[-1] if printed.strip() else "", flush=True)
        whole.append(found[True][0] / found[False][0])
        kernel.append(found[True][1] / found[False][1])
        print(f"pair {pair + 1}: {found[False][0]:.2f} s, recorded {found[True][0]:.2f} s", flush=True)
    pages = args.rounds * args.mib * 256
    print(f"{pages} pages, {args.pairs} pairs")
    for name, ratios in (("CPU time", whole), ("in the kernel", kernel)):
        print(f"{name}: {median(ratios):.2f} times ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
