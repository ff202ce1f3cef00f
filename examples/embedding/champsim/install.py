"""Put the adapter into a checkout of ChampSim: cut four functions out of src/vmem.cc, copy our files beside it.

    python install.py /path/to/ChampSim

Says what to give to make.  Done twice it does nothing more; a source that looks otherwise is refused and left as it is.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FUNCTIONS = ("populate_pages", "shuffle_pages", "ppage_pop", "va_to_pa")
OURS = (HERE / "buddycap_vmem.cc", HERE.parent / "common" / "aged_memory.hpp", HERE.parent / "common" / "frame_map.hpp")


def cut(text, name):
    """Return the source without a member function of VirtualMemory, which ends with the first brace in column 0."""
    found = re.findall(rf"^[^\s].*\bVirtualMemory::{name}\(.*(?:\n|.)*?^}}\n", text, re.M)
    if len(found) != 1:
        raise SystemExit(f"install.py: src/vmem.cc defines {name} {len(found)} times, not once: another ChampSim?")
    return text.replace(found[0], f"// {name}: buddycap_vmem.cc\n")


def install(champsim):
    """Change the checkout."""
    source = champsim / "src" / "vmem.cc"
    text = source.read_text()
    if not (source.parent / OURS[0].name).exists():
        for name in FUNCTIONS:
            text = cut(text, name)
        source.write_text(text)
    for file in OURS:
        shutil.copy(file, source.parent)


def main():
    """Install, and say what comes next."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: install.py CHAMPSIM")
    install(Path(sys.argv[1]))
    flags = subprocess.run(["buddycap", "embed", "--cflags"], capture_output=True, text=True, check=True).stdout.strip()
    libs = subprocess.run(["buddycap", "embed", "--libs"], capture_output=True, text=True, check=True).stdout.strip()
    print(f'make CPPFLAGS="{flags}" LDLIBS="{libs}"')
    print("BUDDYCAP_IMAGE=desktop.img bin/champsim ...")


if __name__ == "__main__":
    main()
