"""Single bit flips of a study's file: what becomes of each.

``python tests/bitflips.py DIR [FLIPS [SEED]]`` flips as many bits of DIR/study.sqlite, each in a copy of its own.
"""

import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from buddycap import FormatError
from buddycap.study.store import DATABASE, Store


def told(folder):
    """Everything that a study tells of itself, as text."""
    with Store.open(folder) as store:
        plan = store.plan
        tasks = [task for _, task in plan.tasks()]
        tables = [None if table is None else table.tolist() for table in map(store.requests, tasks)]
        rows = [record.flat() for record in store.records(plan)]
        return json.dumps([plan.as_dict(), rows, tables, [store.cpu_s(task) for task in tasks]])


def random_flips(size, count, seed):
    """Yield places and bits in a file of so many bytes."""
    draw = random.Random(seed)
    for _ in range(count):
        yield draw.randrange(size), draw.randrange(8)


def flip_bits(source, flips, folder):
    """Flip one bit after another of a file's bytes; count what becomes of the study.

    "same": it tells the same; "refused": FormatError; "SILENT": it tells something else; or another exception's name.
    """
    file = folder / DATABASE
    file.write_bytes(source)
    expected = told(folder)
    found = Counter()
    for place, bit in flips:
        damaged = bytearray(source)
        damaged[place] ^= 1 << bit
        file.write_bytes(damaged)
        try:
            found["same" if told(folder) == expected else "SILENT"] += 1
        except FormatError:
            found["refused"] += 1
        except Exception as error:
            found[type(error).__name__] += 1
    return found


if __name__ == "__main__":
    content = Path(sys.argv[1], DATABASE).read_bytes()
    count, seed = (int(word) for word in (*sys.argv[2:], "10000", "1")[:2])
    with tempfile.TemporaryDirectory() as place:
        print(len(content), "bytes:", dict(flip_bits(content, random_flips(len(content), count, seed), Path(place))))
