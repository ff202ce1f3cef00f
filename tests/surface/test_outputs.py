"""Can a command destroy a file: one that it reads, one that is there, a device, the older one when writing fails?"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from buddycap import Zone
from buddycap.cli import main
from buddycap.newfile import check_outputs, replacing, replacing_text, write_file
from sourcelint import PACKAGE, ROOT

DATA = ROOT / "tests" / "data"
TINY = ["--memory", "128MiB", "--sweep", "warmup_s=1", "--seeds", "1", "--policies", "none", "--executor", "thread"]

# Every option that names a file to be written, in a command that is right but for that file; OUT is its place, and a,
# m.npz and own.toml are what it reads.
COMMANDS = {
    "image make": ["image", "make", "--from", "m.npz", "--seconds", "0", "-o", "OUT"],
    "image config": ["image", "make", "--config", "own.toml", "--seconds", "0", "-o", "OUT"],
    "map": ["map", "m.npz", "-o", "OUT.png"],
    "map replay": ["map", "--replay", "a", "--steps", "2", "-o", "OUT.csv"],
    "replay timeline": ["replay", "a", "--timeline", "OUT.csv"],
    "replay second timeline": ["replay", "a", "--what-if", "policy=none", "--timeline", "OUT.csv"],
    "replay save": ["replay", "a", "--save", "OUT.npz"],
    "replay convert": ["replay", "a", "--convert", "OUT"],
    "snapshot": ["snapshot", "--proc", str(DATA / "machine"), "-o", "OUT"],
    "study": ["study", *TINY, "--out", "."],
}
WRITES = {
    "map": "OUT.png",
    "map replay": "OUT.csv",
    "replay timeline": "OUT.csv",
    "replay second timeline": "OUT.1.csv",
    "replay save": "OUT.npz",
    "study": "runs.csv",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with what the commands read, and to work in."""
    shutil.copytree(DATA / "replay" / "thpfrag", tmp_path / "a")
    shutil.copy(DATA / "load" / "compile-50000.npz", tmp_path / "l.npz")
    shutil.copy(DATA / "kpageflags.mixed-1GiB.npz", tmp_path / "m.npz")
    (tmp_path / "own.toml").write_text("memory_pages = 32768\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(words, capsys, what):
    assert main(words) == 2
    message = capsys.readouterr().err
    assert what in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_what_exists_is_replaced_only_if_asked(name, place, capsys):
    file = place / WRITES.get(name, "OUT")
    file.write_text("precious")
    refused(COMMANDS[name], capsys, "exists; --force replaces it")
    assert file.read_text() == "precious"
    assert main([*COMMANDS[name], "--force"]) in (0, 1)
    assert file.read_bytes() != b"precious"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_device_is_never_replaced(name, place, capsys):
    file = place / WRITES.get(name, "OUT")
    os.mkfifo(file)
    for more in ([], ["--force"]):
        refused([*COMMANDS[name], *more], capsys, "no regular file")
    assert file.is_fifo()
    assert not list(place.glob("OUT*.json"))


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["replay", "a", "--save", "a/kpageflags.start.npz"], "a/kpageflags.start.npz"),
        (["replay", "a", "--timeline", "a/trace.txt.gz"], "a/trace.txt.gz"),
        (["replay", "a", "--convert", "a/trace.txt.gz"], "a/trace.txt.gz"),
        (["replay", "a/trace.txt.gz", "--convert", "a/../a/trace.txt.gz"], "a/trace.txt.gz"),
        (["replay", "a", "--from", "m.npz", "--save", "m.npz"], "m.npz"),
        (["image", "make", "--from", "m.npz", "--seconds", "0", "-o", "m.npz"], "m.npz"),
        (["image", "make", "--config", "own.toml", "--seconds", "0", "-o", "own.toml"], "own.toml"),
        (["image", "make", "--config", "x.json", "--seconds", "0", "-o", "x"], "x.json"),
        (["map", "x.png", "-o", "x.png"], "x.png"),
        (["map", "m.npz", "-o", "link.png"], "m.npz"),
        (["study", "--from", "runs.csv", "--out", "."], "runs.csv"),
        (["study", "--load", "requests.csv", "--out", "."], "requests.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_no_output_replaces_an_input(words, read, place, capsys):
    (place / "link.png").symlink_to("m.npz")
    sources = {"x.json": "own.toml", "x.png": "m.npz", "runs.csv": "m.npz", "requests.csv": "l.npz"}
    if read in sources:
        shutil.copy(sources[read], read)
    before = Path(read).read_bytes()
    refused([*words, "--force"], capsys, "this command reads it")
    assert Path(read).read_bytes() == before


def test_dev_null_is_left_alone(place, capsys):
    refused(["image", "make", "--seconds", "0", "-o", "/dev/null", "--force"], capsys, "no regular file")
    assert not Path("/dev/null.json").exists()


def test_nothing_is_written_twice(place, capsys):
    refused(["map", "m.npz", "-o", "x.png", "-o", "./x.png"], capsys, "written twice")
    check_outputs(["x.png", "y.png"])
    with pytest.raises(FileNotFoundError):
        check_outputs(["nowhere/x.png"])


def test_resuming_replaces_its_own_results(place):
    assert main(COMMANDS["study"]) == 0
    assert main(COMMANDS["study"]) == 2
    before = Path("runs.csv").stat().st_ino
    assert main([*COMMANDS["study"], "--resume"]) == 0
    assert Path("runs.csv").stat().st_ino != before
    Path("study.sqlite").unlink()
    assert main([*COMMANDS["study"], "--resume"]) == 2, "these are not results to go on with"


def test_pictures_too(place, capsys):
    pytest.importorskip("matplotlib")
    assert main([*COMMANDS["study"], "--policies", "none,v3"]) == 0
    plot = ["plot", ".", "--format", "svg", "--only", "success"]
    assert main(plot) == 0
    capsys.readouterr()
    refused(plot, capsys, "exists; --force replaces it")
    assert main([*plot, "--force"]) == 0
    replay = ["replay", "a", "--plot", "OUT.png"]
    assert main(replay) == 0
    refused(replay, capsys, "exists; --force replaces it")


def test_what_was_there_survives_whatever_happens(tmp_path):
    path = tmp_path / "file"
    write_file(path, "old")
    path.chmod(0o640)
    for open_new in (replacing, replacing_text):
        with pytest.raises(TypeError), open_new(path) as file:
            file.write(7)
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["file"]
    (tmp_path / "link").symlink_to("file")
    with replacing_text(tmp_path / "link") as file:
        file.write("new\n")
    assert path.read_text() == "new\n", "the link leads there still"
    assert path.stat().st_mode & 0o777 == 0o640


FULL = """
import resource, signal, sys
from buddycap import Zone
zone = Zone(0, 40000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    zone.save(sys.argv[1])
except OSError as error:
    print(error)
"""


def test_an_image_survives_a_full_disk(tmp_path):
    path = tmp_path / "a.img"
    zone = Zone(0, 4096)
    zone.save(path)
    result = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60)
    assert "File too large" in result.stdout, result.stderr
    assert Zone.load(path).digest() == zone.digest()
    assert os.listdir(tmp_path) == ["a.img"]
    with pytest.raises(FileExistsError):
        zone.save("/dev/null")


_OPENS = re.compile(
    r"""(?x) \.write_(?:text|bytes)\( | os\.(?:replace|rename)\( | \.(?:replace|rename)\((?:path|target|out)\b
    | \b(?:open|fdopen)\([^()]*(?:\([^()]*\))?[^()]*,\s*(?:mode=)?["'][wxa] | \.open\(\s*["'][wxa]
    | savez\w*\(\s*(?:str\()?(?:path|out|args)\b | np\.save\(\s*path | savefig\(\s*path | \.save\(\s*path"""
)
_NEITHER = {
    'open(os.devnull, "w',  # a worker's watchdog has nothing to say
    'archive.open(f"{name}.npy", "w',  # a member of an archive that `replacing` has opened
    'archive.open(member, "w',  # the same
    'open(self.path / name, "w',  # a control file of tracefs
    "part.rename(path",  # a recording's folder, made beside it: whole or not at all
}


def writers(text):
    """Where a source opens files to write them, other than by newfile."""
    code = re.sub(r"^ *(?:>>>|\.\.\.).*", "", text, flags=re.M)
    return [found for found in _OPENS.findall(code) if not any(found in known for known in _NEITHER)]


def test_everything_is_written_by_one_module():
    sources = [path for path in PACKAGE.rglob("*.p*") if path.suffix in (".py", ".pyx", ".pxi")]
    found = {path.name: writers(path.read_text()) for path in sources if path.name != "newfile.py"}
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_that_rule_can_fail():
    for line in (
        'with open(path, "wb") as file:',
        'Path(name).write_bytes(b"")',
        'self._new.open("w", encoding="utf-8")',
        "np.savez_compressed(path, **arrays)",
        "os.replace(new, path)",
        'open(os.path.join(folder, name), mode="x")',
        "figure.savefig(path, dpi=110)",
    ):
        assert writers(line), line
    assert not writers('open(path, "rb")\nnp.savez_compressed(file)\ntext.replace("a", "w")')
