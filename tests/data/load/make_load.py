"""Cut the beginning of a recorded load out of a recording.

    python make_load.py RECORDING OUT.npz [ALLOCATIONS]

compile-50000.npz is the first 0.9 s of gcc building 220 generated C files with make -j2 (Linux 6.18, 2 CPUs, 24 GiB).
"""

import sys

from buddycap.lab.load import Load


def main() -> None:
    recording, out, *count = sys.argv[1:]
    n = int(count[0]) if count else 50_000
    whole = Load.load(recording)
    part = whole.allocations[:n]
    Load(part, int(part["time_ns"][-1]) + 1, whole.source).save(out)
    print(
        f"{len(part)} of {len(whole)} allocations, {part['time_ns'][-1] / 1e9:.3f} s of {whole.duration_ns / 1e9:.3f} s"
    )


if __name__ == "__main__":
    main()
