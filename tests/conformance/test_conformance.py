"""Does the command `conformance` agree with every recording, and does it see and place what is wrong?"""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from buddycap import cli
from buddycap.conformance import vectors as conformance

VECTORS = Path(__file__).parents[1] / "data" / "vectors"
FILES = sorted(VECTORS.glob("*.jsonl.gz"))
QUIRKS = [path for path in FILES if path.name.startswith("Q_")]


def read(name):
    """The JSON values of a recorded vector."""
    with gzip.open(VECTORS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(path, values):
    """Write a vector without compression; returns its path."""
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def run(capsys, *arguments):
    """Run the command in this process: exit status, lines of output, text of errors."""
    status = cli.main(["conformance", *map(str, arguments)])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err


@pytest.fixture(scope="module")
def everything():
    """The command on the folder of recordings, as a user runs it."""
    command = [sys.executable, "-m", "buddycap", "conformance", str(VECTORS)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.xdist_group("conformance")
def test_every_recording_agrees(everything):
    assert everything.returncode == 0, everything.stdout + everything.stderr
    summary = everything.stdout.splitlines()[-1]
    assert summary.startswith(f"conformance: {len(FILES)} vectors, ")
    assert summary.endswith(" operations, 0 mismatches")
    assert everything.stderr == ""


@pytest.mark.xdist_group("conformance")
def test_the_quirk_is_told_as_a_deviation(everything):
    lines = everything.stdout.splitlines()[:-1]
    assert [line.split(":")[0] for line in lines] == [str(path) for path in QUIRKS]
    assert all(line.endswith(f"(documented deviation: {conformance.DEVIATION})") for line in lines)


def test_operations_are_counted():
    result = conformance.play_vectors([VECTORS / "A_z64_0.jsonl.gz", VECTORS / "E_formulas.jsonl.gz"])
    assert result.summary == "conformance: 2 vectors, 500 operations, 0 mismatches"


def test_uncompressed_and_nested(tmp_path, capsys):
    folder = tmp_path / "b" / "c"
    folder.mkdir(parents=True)
    write(folder / "one.jsonl", read("C_carve_0"))
    write(tmp_path / "a.jsonl", read("D_b1_h0_0"))
    (tmp_path / "FORMAT.md").write_text("not a vector")
    assert [path.name for path in conformance.vector_files([tmp_path])] == ["a.jsonl", "one.jsonl"]
    status, out, err = run(capsys, tmp_path)
    assert (status, err, len(out)) == (0, "", 1)


def test_hashes_instead_of_dumps(tmp_path, capsys):
    values = [["h", value[1]["sha256"]] if value[0] == "d" else value for value in read("C_z64_0")[1:]]
    header = read("C_z64_0")[0]
    status, out, _ = run(capsys, write(tmp_path / "h.jsonl", [header, *values]))
    assert (status, out) == (0, [f"conformance: 1 vectors, {header['ops']} operations, 0 mismatches"])


def tampered_result(values):
    line = next(k for k, value in enumerate(values) if k and value[0] == "a")
    values[line][-1] += 1
    return line + 1, "pfn: expected"


def tampered_dump(values):
    values[5][1]["nr_free_pages"] += 1
    return 6, "dump: expected N"


def tampered_hash(values):
    values[5][1]["sha256"] = "0" * 64
    return 6, "SHA-256 of the dump: expected 0000"


def tampered_free(values):
    line = next(k for k, value in enumerate(values) if k and value[0] == "f")
    values.insert(line + 1, list(values[line]))
    values[0]["ops"] += 1
    return line + 2, "expected success, found refusal: pfn="


def tampered_header(values):
    values[0]["pages_low"] += 1
    return 1, "pages_min, pages_low, pages_high: expected"


@pytest.mark.parametrize(
    "tamper", [tampered_result, tampered_dump, tampered_hash, tampered_free, tampered_header], ids=lambda f: f.__name__
)
def test_a_tampered_vector_is_a_mismatch_with_its_place(tmp_path, capsys, tamper):
    values = read("C_z64_0")
    line, words = tamper(values)
    path = write(tmp_path / "a.jsonl", values)
    write(tmp_path / "b.jsonl", read("C_carve_0"))
    status, out, err = run(capsys, tmp_path)
    assert status == 1
    assert out[0].startswith(f"{path}:{line}: "), out[0]
    assert words in out[0]
    assert out[-1].startswith("conformance: 2 vectors, ")
    assert out[-1].endswith(" operations, 1 mismatches")
    assert err == ""


def test_a_tampered_formula_is_a_mismatch(tmp_path, capsys):
    values = read("E_formulas")[:4]
    values[0]["rows"] = 3
    values[1]["totalreserve_pages"] += 1
    values[3]["zones"][2]["pcp_high"] += 1
    path = write(tmp_path / "rows.jsonl", values)
    status, out, _ = run(capsys, path)
    assert status == 1
    assert out[0].startswith(f"{path}:2: totalreserve_pages: expected")
    assert out[1].startswith(f"{path}:4: zone 2 pcp_high: expected")
    assert out[2] == "conformance: 1 vectors, 3 operations, 2 mismatches"


def test_a_long_dump_is_told_shortly(tmp_path, capsys):
    values = read("A_z256k_0")
    dump = next(value[1] for value in values[1:] if value[0] == "d")
    free = max(dump["free"], key=lambda row: len(row[2]))
    free[2][-1] += 1
    status, out, _ = run(capsys, write(tmp_path / "long.jsonl", values))
    assert status == 1
    assert f"[word {3 + len(free[2])}] {free[2][-1]}, found" in out[0]
    assert len(out[0]) < 600


def test_json(tmp_path, capsys):
    values = read("C_z64_0")
    values[5][1]["nr_free_pages"] += 1
    write(tmp_path / "a.jsonl", values)
    status, out, _ = run(capsys, tmp_path, QUIRKS[0], "--json")
    report = json.loads("\n".join(out))
    assert status == 1
    assert (report["vectors"], len(report["deviations"]), report["errors"]) == (2, 1, [])
    assert report["mismatches"][0]["line"] == 6


def spoiled(name, change):
    values = read(name)
    change(values)
    return "".join(json.dumps(value) + "\n" for value in values).encode()


WHOLE = (VECTORS / "C_z64_0.jsonl.gz").read_bytes()
BAD = {
    "cut.jsonl.gz": (WHOLE[: len(WHOLE) // 2], "the gzip data are cut or damaged"),
    "junk.jsonl.gz": (b"junk", "the gzip data are cut or damaged"),
    "flipped.jsonl.gz": (WHOLE[:2000] + b"\xff" * 8 + WHOLE[2008:], ""),
    "empty.jsonl": (b"", ":1: no vector"),
    "text.jsonl": (b"hello\n", ":1: not a JSON value"),
    "binary.jsonl": (b"\xff\xfe\n", "not UTF-8 text"),
    "deep.jsonl": (b"[" * 100_000, ":1: not a JSON value"),
    "list.jsonl": (b"[1, 2]\n", ":1: no vector"),
    "format.jsonl": (b'{"format": "buddycap-oracle-2"}\n', ":1: no vector"),
    "bare.jsonl": (b'{"format": "buddycap-oracle-1"}\n', ":1: header: max_order is missing"),
    "zone.jsonl": (
        spoiled("C_z64_0", lambda v: v[0].update(zone_spanned=0)),
        ":1: header: no such zone: spanned_pages=0",
    ),
    "pcp.jsonl": (spoiled("C_z64_0", lambda v: v[0].pop("pcp")), ":1: header: pcp is missing"),
    "kind.jsonl": (spoiled("C_z64_0", lambda v: v.insert(3, ["x"])), ':4: ["x"] is no operation'),
    "arity.jsonl": (spoiled("C_z64_0", lambda v: v.insert(3, ["a", 0])), ':4: ["a", 0] is no operation'),
    "type.jsonl": (spoiled("C_z64_0", lambda v: v.insert(3, ["f", "0", 0])), ':4: ["f", "0", 0] is no operation'),
    "object.jsonl": (spoiled("C_z64_0", lambda v: v.insert(3, {"a": 1})), ':4: {"a": 1} is no operation'),
    "number.jsonl": (spoiled("C_z64_0", lambda v: v.insert(3, 7)), ":4: 7 is no operation"),
    "list_id.jsonl": (spoiled("C_z64_0", lambda v: v.insert(3, ["c", -1, 0, 0])), ":4: "),
    "short.jsonl": (spoiled("C_z64_0", lambda v: v.__delitem__(slice(-4, None))), "cut: "),
    "rows.jsonl": (spoiled("E_formulas", lambda v: v.pop()), "cut: 299 rows of 300"),
    "row.jsonl": (spoiled("E_formulas", lambda v: v.insert(2, {"present": 1})), ":3: "),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_an_error_with_its_place(tmp_path, capsys, name):
    content, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    good = write(tmp_path / "z_good.jsonl", read("C_carve_0"))
    status, out, err = run(capsys, path, good)
    assert status == 2
    assert err.startswith(f"buddycap: error: {path}:")
    assert words in err
    assert err.count("\n") == 1
    assert out[-1].startswith("conformance: "), "the other file is played all the same"


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "no such file"), ("a.txt", "suffix"), ("folder", "no vectors")]
)
def test_nothing_to_play(tmp_path, capsys, name, words):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "folder").mkdir()
    status, out, err = run(capsys, tmp_path / name)
    assert (status, out) == (2, [])
    assert words in err
    assert err.startswith("buddycap: error: ")
