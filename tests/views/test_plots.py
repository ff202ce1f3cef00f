"""Are pictures drawn from what a study has kept, the possible ones only, the same bytes each time?"""

import json
from dataclasses import fields

import pytest

from buddycap.cli import main
from buddycap.errors import MisuseError
from buddycap.study.config import StudyConfig
from buddycap.study.store import Store
from buddycap.views.plots import PICTURES, Results, draw

pytest.importorskip("matplotlib")
NAMES = [name for name, _, _ in PICTURES]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Both machines at two periods."""
    folder = tmp_path_factory.mktemp("compared")
    words = ["--memory", "1GiB", "--seeds", "2", "--periods", "0.25,0.5", "--jobs", "2"]
    assert main(["compare", *words, "--out", str(folder), "--json"]) == 0
    return folder


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Three sizes of memory."""
    folder = tmp_path_factory.mktemp("swept")
    words = ["--sweep", "memory=128MiB,256MiB,512MiB", "--seeds", "2", "--jobs", "2"]
    assert main(["study", *words, "--out", str(folder), "--json"]) == 0
    return folder


@pytest.fixture(scope="module")
def swung(tmp_path_factory):
    """Two parameters down and up."""
    folder = tmp_path_factory.mktemp("swung")
    others = {field.name: "" for field in fields(StudyConfig) if field.name not in ("hot_pages", "builds_4gib")}
    words = ["--memory", "128MiB", "--sensitivity", "25", "--seeds", "2", "--jobs", "1", "--executor", "thread"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("buddycap.study.sensitivity.HELD", others)
        assert main(["study", *words, "--out", str(folder), "--json"]) == 0
    return folder


def test_every_picture_is_drawn(compared, swept, swung, tmp_path, capsys):
    assert main(["plot", str(compared), "-o", str(tmp_path / "a"), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)
    files += [str(path) for path in draw(swept, tmp_path / "b")]
    files += [str(path) for path in draw(swung, tmp_path / "c", only=["tornado"])]
    drawn = {path.rpartition("/")[2].removesuffix(".png") for path in files}
    assert drawn == set(NAMES)
    for path in files:
        with open(path, "rb") as stream:
            assert stream.read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_results_give_the_same_bytes(swept, tmp_path, form):
    first, second = (draw(swept, tmp_path / name, form, ["success"])[0].read_bytes() for name in "ab")
    assert first == second


def test_periods_of_a_machine_are_one_panel(compared, swept):
    with Store.open(compared) as store:
        results = Results(store)
        assert [(panel.label, len(panel.cases)) for panel in results.panels] == [("x86_64", 2), ("ppc64", 2)]
        tables = [table for _, table in results.requests(results.panels[0], "v3")]
        assert len(tables) == 4
    with Store.open(swept) as store:
        assert [len(panel.cases) for panel in Results(store).panels] == [1, 1, 1]


def test_what_cannot_be_drawn_is_refused(compared, tmp_path):
    with pytest.raises(MisuseError, match="more than two sizes"):
        draw(compared, tmp_path, only=["memory"])
    with pytest.raises(MisuseError, match="--sensitivity"):
        draw(compared, tmp_path, only=["tornado"])
    with pytest.raises(MisuseError, match="there are success"):
        draw(compared, tmp_path, only=["sculpture"])
    with pytest.raises(MisuseError, match="no results"):
        draw(tmp_path / "nowhere")
    with Store(tmp_path / "empty"), pytest.raises(MisuseError, match="no results"):
        draw(tmp_path / "empty")


def test_many_cases_have_every_policy_and_one_scale(tmp_path):
    """Eight cases of three policies: each has its panel, and the gains of both policies are drawn."""
    words = ["--memory", "512MiB", "--sweep", "builds=1,2,3,4,5,6,7,8", "--policies", "none,v3,simple", "--seeds", "2"]
    assert main(["study", *words, "--out", str(tmp_path / "out"), "--json", "--jobs", "2"]) == 0
    with Store.open(tmp_path / "out") as store:
        results = Results(store)
        makers = {name: make for name, make, missing in PICTURES if not missing(results)}
        assert {"success", "course", "cases", "curve"} <= set(makers)
        axes = [ax for ax in makers["success"](results).axes if ax.get_visible()]
        assert len(axes) == 8
        assert len({ax.get_xlim() for ax in axes}) == 1
        assert all(low >= 0 for ax in axes for low, _ in intervals(ax))
        (gains,) = makers["cases"](results).axes
        assert len(gains.containers) == 8 * 2
        (curve,) = makers["curve"](results).axes
        assert [list(line.get_xdata()) for line in curve.lines] == [list(range(1, 9))] * 3
        assert all(path.vertices[:, 1].min() >= 0 for band in curve.collections for path in band.get_paths())


def intervals(ax):
    """The ends of the horizontal intervals of a panel."""
    for container in ax.containers:
        for bars in container[2]:
            yield from ((segment[0][0], segment[1][0]) for segment in bars.get_segments())
