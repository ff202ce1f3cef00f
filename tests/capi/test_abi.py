"""Do programs go on working that were compiled with interface 1.0, before there was a second kernel?"""

import ctypes
import json
import re

from buddycap.header import declarations, structures
from sourcelint import ROOT

BEFORE = json.loads((ROOT / "tests" / "data" / "interface-1.0.json").read_text())


def interface():
    """What a compiled program knows of buddycap.h: sizes and places in structs, numbers, the table in its order."""
    text = re.sub(r"/\*.*?\*/", "", declarations(), flags=re.S)
    structs = {}
    for name, kind in structures().items():
        places = {field: getattr(kind, field) for field, _ in kind._fields_ if not field.startswith("reserved")}
        fields = {field: [place.offset, place.size] for field, place in places.items()}
        structs[name] = {"size": ctypes.sizeof(kind), "fields": fields}
    table = [" ".join(entry.split()) for entry in re.findall(r"^    [^\n]*\(\*\w+\)\([^;]*;", text, re.M)]
    return {"structs": structs, "numbers": dict(re.findall(r"^    (BC_\w+) = (-?\w+)", text, re.M)), "table": table}


def test_structs_keep_their_sizes_and_the_places_of_their_fields():
    now = interface()["structs"]
    assert len(BEFORE["structs"]) > 10
    for name, struct in BEFORE["structs"].items():
        assert now[name]["size"] == struct["size"], name
        assert now[name]["fields"].items() >= struct["fields"].items(), name


def test_numbers_keep_their_meaning():
    assert interface()["numbers"].items() >= BEFORE["numbers"].items()


def test_the_table_only_grows_at_its_end():
    assert len(BEFORE["table"]) > 60
    assert interface()["table"][: len(BEFORE["table"])] == BEFORE["table"]
