"""Does a shell complete the command line?"""

import os
import subprocess
import sys

import pytest

pytest.importorskip("argcomplete", reason="completion needs argcomplete: pip install 'buddycap[terminal]'")


def completed(line, folder):
    """What argcomplete offers for a command line."""
    out = folder / "offered"
    shell = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    environment = os.environ | shell | {"_ARGCOMPLETE_STDOUT_FILENAME": str(out)}
    subprocess.run([sys.executable, "-m", "buddycap"], env=environment, capture_output=True, timeout=60, check=False)
    return out.read_text().split()


def test_commands_and_options_are_offered(tmp_path):
    assert completed("buddycap st", tmp_path) == ["study"]
    assert completed("buddycap study --wri", tmp_path) == ["--write-config"]
    assert completed("buddycap compare --format ", tmp_path) == ["table", "json", "mmtests", "html"]
    assert completed("buddycap frob", tmp_path) == []
    assert completed("buddycap study --preset p", tmp_path) == ["ppc64"]
    assert completed("buddycap study --policies none,v", tmp_path) == ["none,v1", "none,v3", "none,v4"]
    assert completed("buddycap map --policy ho", tmp_path) == ["hold"]
