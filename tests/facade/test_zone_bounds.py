"""Is a byte outside of a zone's block seen, in a checked build?  Plain builds have nothing around it."""

import signal
import subprocess
import sys

import pytest

from buddycap import Zone
from buddycap._core import build_facts
from zone_struct import Header

CHECKED = "-fno-omit-frame-pointer" in build_facts()["flags"]
ASK = "import ctypes; from buddycap import Zone; z = Zone(0, 3000); ctypes.string_at(z.address + ({}), 1)"


@pytest.mark.skipif(not CHECKED, reason="made for builds with BUDDYCAP_DEBUG=1 or BUDDYCAP_SANITIZE=1")
@pytest.mark.parametrize(
    ("where", "falls"), [("0", False), ("{size} - 1", False), ("{size} + 64", True), ("-4096", True)]
)
def test_bytes_around_the_block(where, falls):
    zone = Zone(0, 3000)
    size = Header.from_address(zone.address).bytes
    code = ASK.format(where.format(size=size))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (result.returncode != 0) is falls
    assert not falls or result.returncode == -signal.SIGSEGV or b"AddressSanitizer" in result.stderr
