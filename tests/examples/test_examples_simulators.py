"""Do the adapters for other simulators compile without a warning, run, and hand out what the zone would?"""

import json
import re
import shutil
import subprocess
import sys

import pytest

from buddycap import Zone
from buddycap.cli import main
from sourcelint import ROOT

EXAMPLES = ROOT / "examples" / "embedding"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")

ROW = re.compile(r"^\| \[\w+\]\((\w+)/([\w.]+)\) \|.*?\| (\d+) \|", re.M)

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


def facts():
    """What `buddycap embed` says."""
    result = subprocess.run(
        [sys.executable, "-m", "buddycap", "embed", "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Memory with a few huge pages left."""
    path = tmp_path_factory.mktemp("image") / "desktop.img"
    assert main(["image", "make", "--recipe", "desktop", "--memory", "1GiB", "-o", str(path)]) == 0
    return path


def build(source, target, *options):
    """Compile an example in the way its page says."""
    known = facts()
    flags = [*known["cflags"].split(), *options]
    command = ["g++", "-std=c++17", "-O2", *WARNINGS, *flags, str(source), "-o", str(target), *known["libs"].split()]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def output(*command):
    """Run a program; what it prints."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.skipif(shutil.which("rustc") is None, reason="needs rustc")
def test_rust(image, tmp_path):
    source = EXAMPLES / "rust" / "main.rs"
    folder = facts()["library"].rpartition("/")[0]
    options = ["-L", f"native={folder}", "-l", "buddycap", "-C", f"link-arg=-Wl,-rpath,{folder}"]
    output("rustc", "-O", "-D", "warnings", "-o", tmp_path / "main", source, *options)
    zone = Zone.load(image)
    frames = [zone.rmqueue(0, 2) for _ in range(1000)]
    for pfn in frames[::2]:
        zone.free_one_page(pfn, 0)
    assert output(tmp_path / "main", image) == f"1000 frames from {frames[0]}, digest {zone.digest()}\n"


def test_the_page_counts_lines():
    rows = ROW.findall((EXAMPLES / "README.md").read_text())
    assert len(rows) == 2
    for folder, file, lines in rows:
        assert len((EXAMPLES / folder / file).read_text().splitlines()) == int(lines), folder
