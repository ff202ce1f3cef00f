"""What is compiled for two kernels: the second text says the same, line by line, of the other one."""

import importlib.util
from pathlib import Path

import pytest

from sourcelint import PACKAGE, ROOT, defined_names

spec = importlib.util.spec_from_file_location("each", ROOT / "tools" / "each.py")
each = importlib.util.module_from_spec(spec)
spec.loader.exec_module(each)


@pytest.fixture
def package(tmp_path):
    """A package of one text in each room."""
    texts = {
        each.EACH / "pcp.pxi": "cdef int put_61(pcp_6_1_t *p):\n    return size_61(p) + shared_61(p) + own_61(p)\n",
        each.SHARED / "numbers.pxi": "cdef int shared_61(int x):\n    pass\n",
        each.ROOM
        / "numbers.pxi": "ctypedef struct pcp_6_12_t:\n    int x\n\ncdef int size_612(pcp_6_12_t *p):\n    ..\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_names_of_the_texts_and_of_the_room_change(package):
    assert each.second_texts(package) == {
        "each_612/pcp.pxi": "cdef int put_612(pcp_6_12_t *p):\n    return size_612(p) + shared_61(p) + own_61(p)\n"
    }


def test_one_name_for_both_and_another_for_one_is_refused(package):
    room = package / each.ROOM / "numbers.pxi"
    room.write_text(room.read_text() + "\ncdef int shared_612(int x):\n    pass\n")
    with pytest.raises(ValueError, match="shared_61 is one name for both kernels"):
        each.second_texts(package)


def test_files_that_are_as_they_should_be_are_left_alone(package, tmp_path):
    each.write_second_texts(package, tmp_path / "build")
    written = tmp_path / "build" / "each_612" / "pcp.pxi"
    before = written.stat().st_mtime_ns
    each.write_second_texts(package, tmp_path / "build")
    assert written.stat().st_mtime_ns == before


def test_a_line_is_where_its_text_has_it():
    for name, text in each.second_texts(PACKAGE).items():
        own = (PACKAGE / each.EACH / Path(name).name).read_text()
        assert text.count("\n") == own.count("\n")
        assert not {found for found in defined_names(text) if found.endswith("_61")}
