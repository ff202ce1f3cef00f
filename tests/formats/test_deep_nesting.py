"""Is a text that is nested too deeply for Python a FormatError that names the file, wherever a text is read?"""

import json
import struct
import zlib

import numpy as np
import pytest

from buddycap import FormatError, load_policies
from buddycap._trace import EVENT_DTYPE
from buddycap.cli import main
from buddycap.commands.image import read_manifest
from buddycap.formats.liststate import read_list_state
from buddycap.formats.tracefile import Trace, load_trace, save_trace
from buddycap.jsontext import parse_object
from buddycap.recorded.recording import bare_recording
from buddycap.study.config import StudyConfig

TOML = "a = " + "[" * 5000 + "]" * 5000
JSON = "[" * 100_000 + "]" * 100_000
EVENT = "sh-7 [001] ..... 10.000002: mm_page_alloc: page=0 pfn=0x40 order=2 migratetype=1 gfp_flags=GFP_USER\n"


def with_facts(path, text):
    """Write a converted trace without events that says `text` about itself."""
    save_trace(path, Trace(np.zeros(0, EVENT_DTYPE)))
    head = path.read_bytes()[:24] + struct.pack("<I", len(text)) + struct.pack("<II", 64, 0)
    crc = struct.pack("<I", zlib.crc32(text, zlib.crc32(head[:36])))
    path.write_bytes((head[:36] + crc).ljust(64, b"\0") + text)


def config(path):
    path.write_text(TOML)
    return StudyConfig.from_toml(path)


def policies(path):
    path.write_text(TOML)
    return load_policies(path)


def list_state(path):
    path.write_text(JSON)
    return read_list_state(path)


def manifest(path):
    path.with_name("x.json").write_text(JSON)
    return read_manifest(path.with_name("x"))


def release(path):
    path.with_name("trace.txt").write_text(EVENT)
    path.with_name("meta.json").write_text('{"kernel": ' + JSON + "}")
    return bare_recording(path.parent)


def facts(path):
    with_facts(path, JSON.encode())
    return load_trace(path)


@pytest.mark.parametrize("read", [config, policies, list_state, manifest, release, facts], ids=lambda f: f.__name__)
def test_too_deep_a_text_is_refused(read, tmp_path):
    with pytest.raises(FormatError, match="nested too deeply") as caught:
        read(tmp_path / "file.txt")
    assert caught.value.file.startswith(str(tmp_path))


def test_the_facts_are_read_otherwise(tmp_path):
    with_facts(tmp_path / "t", json.dumps({"marks": [[5, "begin"]], "report": {}}).encode())
    assert load_trace(tmp_path / "t").mark_ns("begin") == 5
    with_facts(tmp_path / "t", b'{"marks": [[Infinity, "begin"]], "report": {}}')
    with pytest.raises(FormatError, match="facts are damaged"):
        load_trace(tmp_path / "t")


def test_the_command_says_it_in_one_line(tmp_path, capsys):
    (tmp_path / "d.toml").write_text(TOML)
    for option in ("--config", "--policies"):
        assert main(["study", option, str(tmp_path / "d.toml")]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_an_object_is_wanted():
    assert parse_object(b'{"a": [1]}', "f") == {"a": [1]}
    for text in ("[]", "7", '{"a": ', b"\xff", "9" * 5000):
        with pytest.raises(FormatError, match="JSON"):
            parse_object(text, "f")
