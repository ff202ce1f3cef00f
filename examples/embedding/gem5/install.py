"""Put the adapter into a checkout of gem5: this folder to src/buddycap, and a line into functions that give pages.

    python install.py /path/to/gem5

Then `scons build/X86/gem5.opt` as usual, with the command `buddycap` in the path.  Done twice it does nothing more; a
source that looks otherwise is refused and left as it is.
"""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMON = HERE.parent / "common"
FILES = (
    *(HERE / name for name in ("SConscript", "BuddyPool.py", "buddy_pool.hh", "buddy_pool.cc")),
    *(COMMON / name for name in ("aged_memory.hpp", "contiguous.hpp")),
)
INCLUDE = '#include "buddycap/buddy_pool.hh"\n'

# Of each file: function, the text behind which the line goes, the line, and whether the function must be there.
WORKLOAD = (
    (
        "allocPhysPages",
        "{",
        "if (BuddyPool *pool = BuddyPool::of(*this, pool_id)) return pool->allocPhysPages(npages);",
        True,
    ),
    (
        "deallocPhysPage",
        "{",
        "if (BuddyPool *pool = BuddyPool::of(*this, pool_id)) return pool->deallocPhysPages(paddr, 1);",
        False,
    ),
    ("memSize", "{", "if (BuddyPool *pool = BuddyPool::of(*this, pool_id)) return pool->memSize();", True),
    ("freeMemSize", "{", "if (BuddyPool *pool = BuddyPool::of(*this, pool_id)) return pool->freeMemSize();", True),
)
PIECES = "if (BuddyPool::mapPieces(*seWorkload, *pTable, page_addr, npages, clobber)) return;"
PROCESS = (("allocateMem", "const int npages = divCeil(size, page_size);", PIECES, True),)


def changed(text, path, owner, lines):
    """Return a source with our lines in functions of a class, each of which ends with the first brace in column 0."""
    for name, behind, line, needed in lines:
        found = list(re.finditer(rf"^{owner}::{name}\(.*?\n}}\n", text, re.M | re.S))
        if not found and not needed:
            continue
        if len(found) != 1 or behind not in found[0][0]:
            raise SystemExit(f"install.py: {path} has no {owner}::{name} as it is known: another gem5?")
        body = found[0][0].replace(behind, f"{behind}\n    {line}", 1)
        text = text[: found[0].start()] + body + text[found[0].end() :]
    return text.replace("#include", INCLUDE + "#include", 1)


def main():
    """Install."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: install.py GEM5")
    sim = Path(sys.argv[1]) / "src" / "sim"
    new = {}
    for file, owner, lines in (("se_workload.cc", "SEWorkload", WORKLOAD), ("process.cc", "Process", PROCESS)):
        path = sim / file
        text = path.read_text() if path.exists() else ""
        if INCLUDE not in text:
            new[path] = changed(text, path, owner, lines)
    for path, text in new.items():
        path.write_text(text)
    folder = sim.parent / "buddycap"
    folder.mkdir(exist_ok=True)
    for file in FILES:
        shutil.copy(file, folder)
    print("scons build/X86/gem5.opt, with the command buddycap in the path; then in a run script")
    print('system.buddy_pool = BuddyPool(workload=system.workload, image="server.img")')


if __name__ == "__main__":
    main()
