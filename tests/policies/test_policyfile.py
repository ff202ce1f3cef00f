"""Do policies survive a TOML file, and does a bad one say what is wrong and where?"""

import pytest

from buddycap import POLICIES, CapturePolicy, FormatError, PolicyError, load_policies, policies_to_toml
from buddycap.cli import main
from buddycap.policies.files import find_policies

OWN = """
# an own idea, and one built on it
[patient]
like = "v3"
hold_rounds = 4

["four and two"]
like = "patient"
capture_min_order = 2
rule = "as \\"patient\\", from order 2"
"""


def saved(folder, text):
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_built_on_rows(tmp_path):
    rows = load_policies(saved(tmp_path, OWN))
    assert list(rows) == ["patient", "four and two"]
    assert rows["patient"] == POLICIES["v3"].replace(name="patient", hold_rounds=4, source="", rule="")
    assert rows["four and two"].hold_rounds == 4
    assert rows["four and two"].rule == 'as "patient", from order 2'


def test_every_row_survives_the_way_through_a_file(tmp_path):
    rows = [row.replace(name=f"my {row.name} é\x7f\n") for row in POLICIES.values()]
    assert list(load_policies(saved(tmp_path, policies_to_toml(rows))).values()) == rows
    assert list(load_policies(saved(tmp_path, policies_to_toml(rows[0]))).values()) == rows[:1]


def test_names_and_files_side_by_side(tmp_path):
    path = saved(tmp_path, OWN)
    assert [row.name for row in find_policies(f"none, {path}")] == ["none", "patient", "four and two"]
    assert [row.name for row in find_policies(["v3", f"{path}:patient"])] == ["v3", "patient"]
    assert find_policies("all") == tuple(POLICIES.values())
    assert find_policies("v3,v3") == (POLICIES["v3"],)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[a]\nbatches = 1\n", 2, "unknown field 'batches'"),
        ("[a]\nlike = 'v3'\n\nbatch = 99\n", 4, "batch=99: allowed range is 1..14"),
        ("[b]\n\n[a]\nlike = 'v3'\nbatch = 'x'\n", 5, "batch='x'"),
        ("[b]\nlike = 'v3'\nbatch = 2\n[a]\nlike = 'v3'\nbatch = 0\n", 6, "batch=0"),
        ("\n['a']\ntrim = true\n", 3, "needs capture=True"),
        ("[v3]\nbatch = 2\n", 1, "a registered policy has that name"),
        ("[a]\nhook = 'os.system'\n", 2, "hook: cannot be given in a file"),
        ("[a]\nname = 'b'\n", 2, "name: cannot be given in a file"),
        ("[a]\nlike = 'b'\n", 2, "like='b': there are none, "),
        ("[a]\nlike = 3\n", 2, "like=3"),
        ("[a]\nlike = [1]\n", 2, "like=.1."),
        ("[a]\nlike = 'v3'\nconsult = {}\n", 3, "consult={}: allowed are pass, list"),
    ],
)
def test_a_bad_row_is_a_policy_error_with_file_and_line(tmp_path, text, line, said):
    path = saved(tmp_path, text)
    with pytest.raises(PolicyError, match=said) as caught:
        load_policies(path)
    assert str(caught.value).startswith(f"{path}:{line}: policy 'a'" if "[v3]" not in text else f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("text", "line"), [("[a\n", 1), ("[a]\n\nbatch = \n", 3), ("batch = 1\n", 1), ("[[a]]\nbatch = 1\n", None)]
)
def test_a_file_that_is_no_table_of_policies_is_a_format_error(tmp_path, text, line):
    path = saved(tmp_path, text)
    with pytest.raises(FormatError) as caught:
        load_policies(path)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_file_must_be_text(tmp_path):
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="not UTF-8"):
        load_policies(tmp_path / "own.toml")
    with pytest.raises(FileNotFoundError):
        load_policies(tmp_path / "absent.toml")


def test_code_stays_out_of_files():
    with pytest.raises(PolicyError, match="hook"):
        policies_to_toml(POLICIES["v3"].replace(name="a", hook=print))


def test_unknown_names_and_ambiguous_ones(tmp_path):
    path = saved(tmp_path, OWN)
    with pytest.raises(PolicyError, match="no policy 'x' in it; there are patient, four and two"):
        find_policies(f"{path}:x")
    with pytest.raises(PolicyError, match="unknown policy 'x'"):
        find_policies("x")
    with pytest.raises(PolicyError, match="two different policies have that name"):
        find_policies([POLICIES["v3"], CapturePolicy("v3")])


def test_the_study_runs_a_row_from_a_file(tmp_path, capsys):
    path = saved(tmp_path, OWN)
    arguments = ["study", "--memory", "256MiB", "--seeds", "1", "--policies", f"none,{path}:patient", "--jobs", "1"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert "patient" in capsys.readouterr().out
    assert main([*arguments[:-3], f"{path}:nobody", "--out", str(tmp_path / "out2")]) == 2
    assert capsys.readouterr().err.startswith("buddycap: error: ")
