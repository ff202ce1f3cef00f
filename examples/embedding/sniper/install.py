"""Put the adapter into a checkout of Virtuoso or Sniper: our buddy.h in place of theirs, and calls of free() mended.

    python install.py /path/to/Virtuoso/simulator/sniper

Theirs frees frames from start to end, the end included; five of its policies give it the frame behind the last one, so
that pages get two owners.  Done twice it does nothing more; a source that looks otherwise is refused and left as it is.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ALLOCATORS = "include/memory_management/physical_memory_allocators"
OURS = (HERE / "buddy.h", HERE.parent / "common" / "aged_memory.hpp", HERE.parent / "common" / "contiguous.hpp")
ONE_FRAME = re.compile(r"->free\((\w+) \+ (\w+), \1 \+ (?:\(\2 \+ 1\)|\2 \+ 1)\)")


def mended(text):
    """Return a source with calls that free one frame, where it freed that and the next."""
    return ONE_FRAME.sub(r"->free(\1 + \2, \1 + \2)", text)


def install(sniper):
    """Change the checkout."""
    folder = sniper / ALLOCATORS
    buddy = folder / "buddy.h"
    if not buddy.exists() or not re.search(
        r"template <typename Policy>\s*class Buddy : private Policy", buddy.read_text()
    ):
        raise SystemExit(f"install.py: {buddy} is no template Buddy<Policy>: another Virtuoso?")
    for file in OURS:
        shutil.copy(file, folder)
    for file in sorted(folder.glob("*.h")):
        text = file.read_text()
        if file.name not in {ours.name for ours in OURS} and mended(text) != text:
            file.write_text(mended(text))
            print(f"{file}: free() ends with the frame that it frees")


def main():
    """Install, and say what comes next."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: install.py SNIPER")
    install(Path(sys.argv[1]))
    for option in ("--cflags", "--libs"):
        result = subprocess.run(["buddycap", "embed", option], capture_output=True, text=True, check=True)
        print(f"{'compile' if option == '--cflags' else 'link'} with {result.stdout.strip()}")
    print("BUDDYCAP_IMAGE=server.img ./run-sniper ...")


if __name__ == "__main__":
    main()
