"""Does a converted trace give back what was in it, and nothing if it is damaged?"""

import gzip
import os
import struct
import threading
import zlib

import numpy as np
import pytest

from buddycap import FormatError, MisuseError
from buddycap.formats import tracefile
from buddycap.formats.tracefile import Trace, convert_trace, load_trace, read_trace, save_trace
from buddycap.formats.tracetext import EVENT_DTYPE
from sourcelint import ROOT

SAMPLE = ROOT / "tests" / "data" / "replay" / "thpfrag" / "trace.txt.gz"


@pytest.fixture
def converted(tmp_path):
    path = tmp_path / "t.bct"
    convert_trace(SAMPLE, path, "6.18")
    return path


def test_round_trip(converted, tmp_path):
    text, binary = read_trace(SAMPLE, "6.18"), read_trace(converted)
    assert (text.events == binary.events).all()
    assert (text.marks, text.report) == (binary.marks, binary.report)
    assert not binary.events.flags.writeable
    save_trace(tmp_path / "again", text)
    assert (tmp_path / "again").read_bytes() == converted.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "t.bct"]


def test_an_empty_trace(tmp_path):
    save_trace(tmp_path / "t", Trace(np.zeros(0, EVENT_DTYPE)))
    assert len(load_trace(tmp_path / "t")) == 0


def test_neither_a_device_nor_the_trace_itself_is_replaced(converted, tmp_path):
    os.mkfifo(tmp_path / "device")
    with pytest.raises(FileExistsError, match="no regular file"):
        convert_trace(SAMPLE, tmp_path / "device")
    assert (tmp_path / "device").is_fifo()
    trace = tmp_path / "trace.txt.gz"
    trace.write_bytes(SAMPLE.read_bytes())
    with pytest.raises(MisuseError, match="the trace itself"):
        convert_trace(trace, tmp_path / "." / "trace.txt.gz")
    assert trace.read_bytes() == SAMPLE.read_bytes()
    convert_trace(SAMPLE, converted)


def test_a_pipe_is_read_from_its_beginning(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    content = gzip.decompress(SAMPLE.read_bytes())
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    piped = read_trace(tmp_path / "pipe", "6.18")
    writer.join()
    assert (piped.events == read_trace(SAMPLE, "6.18").events).all()


def test_nothing_is_left_of_a_failed_conversion(tmp_path):
    (tmp_path / "bad").write_text("nothing\n")
    with pytest.raises(FormatError):
        convert_trace(tmp_path / "bad", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]


def test_a_file_that_shrinks_is_an_error_or_was_read_before(converted, monkeypatch):
    """Mapped, it would end the process with SIGBUS."""
    whole = load_trace(converted)
    pages = len(whole.events)
    os.truncate(converted, 4096)
    assert int(whole.events["pfn"].max()) > 0
    assert len(whole) == pages
    convert_trace(SAMPLE, converted, "6.18")
    checked = tracefile._checked_head

    def shrink(head, size, path):
        os.truncate(converted, size // 2)
        return checked(head, size, path)

    monkeypatch.setattr(tracefile, "_checked_head", shrink)
    with pytest.raises(FormatError):
        load_trace(converted)


def test_records_that_end_early_are_an_error(converted, monkeypatch):
    read = tracefile._read_events

    def shrink(file, count, path):
        os.truncate(converted, 4096)
        return read(file, count, path)

    monkeypatch.setattr(tracefile, "_read_events", shrink)
    with pytest.raises(FormatError, match="cut while it was read"):
        load_trace(converted)


def claim(data, events, text=None):
    """A header with another number of events, its checksum mended."""
    head = data[:16] + struct.pack("<Q", events) + data[24:36]
    length = struct.unpack_from("<I", data, 24)[0]
    text = data[-length:] if text is None else text
    return head + struct.pack("<I", zlib.crc32(text, zlib.crc32(head))) + data[40:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d[:30], "no converted trace"),
        (lambda d: b"BUDDYTRX" + d[8:], "no converted trace"),
        (lambda d: d[:-1], "claimed"),
        (lambda d: d + b"x", "claimed"),
        (lambda d: claim(d, 100 << 30), "claimed"),
        (lambda d: claim(d, 0), "claimed"),
        (lambda d: claim(d, 2**64 - 1), "claimed"),
        (lambda d: d[:8] + b"\x02" + d[9:], "version 2"),
        (lambda d: d[:500] + bytes([d[500] ^ 1]) + d[501:], "records are damaged"),
        (lambda d: d[:-5] + bytes([d[-5] ^ 1]) + d[-4:], "header is damaged"),
        (lambda d: d[:33] + bytes([d[33] ^ 1]) + d[34:], "header is damaged"),
    ],
)
def test_damage_is_found(converted, damage, message):
    converted.write_bytes(damage(converted.read_bytes()))
    with pytest.raises(FormatError, match=message) as error:
        load_trace(converted)
    assert error.value.file == str(converted)


def test_facts_that_make_no_sense(tmp_path):
    save_trace(tmp_path / "t", Trace(np.zeros(0, EVENT_DTYPE)))
    data = (tmp_path / "t").read_bytes()
    for text in (b"[1]", b'{"marks": 3, "report": {}}', b'{"marks": [], "report": {"x": 1}}', b"\xff"):
        head = data[:24] + struct.pack("<I", len(text)) + data[28:36]
        crc = struct.pack("<I", zlib.crc32(text, zlib.crc32(head)))
        (tmp_path / "t").write_bytes(head + crc + data[40:64] + text)
        with pytest.raises(FormatError, match="facts"):
            load_trace(tmp_path / "t")
