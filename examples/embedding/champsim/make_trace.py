"""Traces for ChampSim that show what the place of frames does: loads all over an area, in order or at random.

    python make_trace.py sequential --mib 64 --loads 100000 -o sequential.trace
    python make_trace.py random --mib 64 --loads 100000 --seed 1 -o random.trace

Load k reads line k * lines / loads of the area; "random" gives the same loads in another order, that of
random.Random(seed).shuffle.  No load waits for another.  A record is ChampSim's input_instr
(inc/trace_instruction.h), 64 bytes.
"""

import argparse
import random
import struct

RECORD = struct.Struct("<QBB2B4B2Q4Q")
AREA = 0x1000_0000  # virtual address
CODE = 0x40_0000
LINE = 64


def addresses(order, mib, loads, seed):
    """Return the addresses that are read."""
    lines = mib << 20 >> 6
    found = [AREA + k * lines // loads * LINE for k in range(loads)]
    if order == "random":
        random.Random(seed).shuffle(found)
    return found


def record(k, address):
    """Return a load into a register; the code is a loop of 256 instructions."""
    return RECORD.pack(CODE + k % 256 * 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, address, 0, 0, 0)


def main():
    """Write a trace."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("order", choices=("sequential", "random"))
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--loads", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--out", required=True)
    args = parser.parse_args()
    with open(args.out, "wb") as file:
        for k, address in enumerate(addresses(args.order, args.mib, args.loads, args.seed)):
            file.write(record(k, address))


if __name__ == "__main__":
    main()
