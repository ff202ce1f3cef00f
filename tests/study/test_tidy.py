"""Are results tables that need no parsing, and are names and sizes taken as people write them?"""

import csv
import io
from dataclasses import fields

import pytest

from buddycap import POLICIES, FormatError, MisuseError, PolicyError
from buddycap.cli import main
from buddycap.sizes import parse_pages
from buddycap.study.aggregate import alike, summarize
from buddycap.study.config import StudyConfig, preset_config
from buddycap.study.configtext import commented_toml
from buddycap.study.export import export, write_csv
from buddycap.study.plan import Case, Plan, sweep
from buddycap.study.running import run_plan
from buddycap.study.store import Store
from buddycap.study.summary import table
from buddycap.study.tidy import case_columns, run_rows

TINY = StudyConfig(memory_pages=1 << 15, warmup_s=1)
NAMED = tuple(POLICIES[name] for name in ("none", "v3", "all-orders"))


@pytest.fixture(scope="module")
def swept():
    """A plan over two parameters and its records."""
    plan = Plan(tuple(sweep([Case("", TINY)], ["builds=1,3", "dirty_pages=60,80"])), NAMED, (1,))
    return plan, run_plan(plan, executor="thread", jobs=1)


def test_swept_parameters_are_columns(swept):
    plan, records = swept
    rows = run_rows(plan, records)
    assert {(row["builds"], row["dirty_pages_given"]) for row in rows} == {(1, 60), (1, 80), (3, 60), (3, 80)}
    assert {(row["preset"], row["memory_pages"]) for row in rows} == {("x86_64", 1 << 15)}
    assert all(row["case"] == f"builds={row['builds']} dirty_pages={row['dirty_pages_given']}" for row in rows)


def test_no_figure_hides_a_parameter(swept):
    """Whatever is swept: the names of figures and counters are none of the model's."""
    _, records = swept
    every = {field.name for field in fields(StudyConfig)}
    assert {name for name in records[0].flat() if name in every} == {"dirty_pages"}, "which has another name in tables"


def test_requests_have_the_same_columns(swept, tmp_path):
    plan, _ = swept
    with Store(tmp_path / "out") as store:
        run_plan(plan, store, executor="thread", jobs=1)
        export(store, plan)
    with open(tmp_path / "out" / "requests.csv", newline="") as file:
        first = next(csv.DictReader(file))
    columns = case_columns(plan)["builds=1 dirty_pages=60"]
    assert {name: first[name] for name in columns} == {name: str(value) for name, value in columns.items()}


def test_columns_are_the_same_in_every_row(swept):
    stream = io.StringIO()
    write_csv(run_rows(*swept), stream)
    heads, *rows = csv.reader(io.StringIO(stream.getvalue()))
    assert len(rows) == 12
    assert len(set(heads)) == len(heads)
    assert all(len(row) == len(heads) for row in rows)


def test_policies_that_never_differ_are_named(swept):
    plan, records = swept
    assert alike(plan, records) == [("all-orders", "v3")]
    changed = [r if r.policy != "all-orders" or r.case != plan.cases[0].label else _other(r) for r in records]
    assert alike(plan, changed) == []


def _other(record):
    """The record, as of a run that ended in another state."""
    return type(record)(**{**vars(record), "digest": "0" * 32})


def test_a_table_fits_its_width(swept):
    rows = summarize(*swept)
    wide = table(rows)
    for width in (70, 80, 100):
        lines = table(rows, width).splitlines()
        assert max(map(len, lines[:-1])) <= width
        assert lines[-1].startswith("no room for: ")
        named = lines[-1].partition(": ")[2].partition(" (")[0].split(", ")
        assert lines[0].split() + " ".join(named).split() == wide.splitlines()[0].split()
    assert table(rows, 1000) == wide


@pytest.mark.parametrize(
    ("text", "mib"), [("1G", 1024), ("64M", 64), ("64MB", 64), ("64mib", 64), ("1.5GB", 1536), ("1tb", 1 << 20)]
)
def test_sizes_as_people_write_them(text, mib):
    assert parse_pages(text, "memory") == mib << 8


@pytest.mark.parametrize("text", ["64X", "G", "64 M B", "-1G", "0x10"])
def test_what_is_no_size(text):
    with pytest.raises(MisuseError, match="memory="):
        parse_pages(text, "memory")


class TestConfigFile:
    @pytest.mark.parametrize("config", [StudyConfig(), preset_config("ppc64", 1 << 20, repeat=True, passes=3)])
    def test_it_says_everything_and_reads_back(self, config, tmp_path):
        text = commented_toml(config)
        (tmp_path / "own.toml").write_text(text)
        assert StudyConfig.from_toml(tmp_path / "own.toml") == config
        for field in fields(StudyConfig):
            name = "memory" if field.name == "memory_pages" else field.name
            assert f"\n{name} = " in text
        assert "request_mib_per_s = 16  # MiB/s, 0.001 to 1000000" in text

    def test_memory_as_an_amount(self, tmp_path):
        (tmp_path / "own.toml").write_text('memory = "2G"\n')
        assert StudyConfig.from_toml(tmp_path / "own.toml").memory_pages == 1 << 19
        (tmp_path / "own.toml").write_text('builds = 3\nmemory = "2X"\n')
        with pytest.raises(FormatError, match=r"own\.toml:2: memory='2X'"):
            StudyConfig.from_toml(tmp_path / "own.toml")
        with pytest.raises(MisuseError, match="one of them"):
            StudyConfig().replace(memory="1G", memory_pages=1 << 18)

    def test_the_command_writes_it(self, tmp_path, capsys):
        file = tmp_path / "own.toml"
        assert main(["study", "--write-config", str(file), "--memory", "512M"]) == 0
        assert StudyConfig.from_toml(file) == StudyConfig(memory_pages=1 << 17)
        assert main(["study", "--write-config", str(file)]) == 2
        assert "--force" in capsys.readouterr().err
        assert main(["study", "--write-config"]) == 0
        assert capsys.readouterr().out == commented_toml(StudyConfig())


class TestNames:
    def test_a_near_name_is_told(self, capsys):
        for words, wanted in (
            (["--sweep", "bulids=3"], "did you mean 'builds'?"),
            (["--policies", "none,v33"], "did you mean 'v3'?"),
            (["--preset", "x86-64"], "did you mean 'x86_64'?"),
        ):
            assert main(["study", *words]) == 2
            assert wanted in capsys.readouterr().err

    def test_a_strange_name_does_not_bring_all_there_are(self, capsys):
        assert main(["study", "--sweep", "frobnicate=3"]) == 2
        error = capsys.readouterr().err
        assert "--write-config" in error
        assert len(error) < 200

    def test_an_empty_policy_file_is_an_error(self, tmp_path, capsys):
        (tmp_path / "own.toml").write_text("# to be done\n")
        assert main(["study", "--policies", f"none,{tmp_path}/own.toml"]) == 2
        assert "no policy in it" in capsys.readouterr().err

    def test_unknown_field_of_a_policy(self):
        with pytest.raises(PolicyError, match="did you mean 'hold_rounds'"):
            POLICIES["v3"].replace(hold_round=1)


def test_what_never_made_a_difference_is_said(capsys):
    assert main(["study", "--memory", "256M", "--seeds", "1", "--policies", "none,v3,all-orders", "--jobs", "1"]) == 0
    assert "all-orders: the very runs of v3" in capsys.readouterr().out
