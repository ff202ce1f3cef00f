"""Does one call from Python do each job, as the commands do it?"""

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import buddycap
from buddycap import POLICIES, MisuseError, PolicyError, StudyResult
from buddycap.calls.seeds import seed_of, seeds_of
from buddycap.cli import main
from buddycap.study import carrying

DATA = Path(__file__).parents[1] / "data"
SMALL = {"memory": "128MiB", "warmup_s": 1, "executor": "thread", "jobs": 1}


@pytest.fixture(scope="module")
def result():
    """A study of three policies over a swept parameter."""
    return buddycap.run_study("none,v3,all-orders", seeds=2, builds=[1, 3], **SMALL)


class TestStudy:
    def test_it_is_what_the_command_does(self, result, tmp_path):
        out = tmp_path / "out"
        (tmp_path / "own.toml").write_text('memory = "128MiB"\nwarmup_s = 1\n')
        words = ["--config", str(tmp_path / "own.toml"), "--policies", "none,v3,all-orders", "--seeds", "2"]
        assert main(["study", *words, "--sweep", "builds=1,3", "--out", str(out), "--jobs", "1"]) == 0
        kept = StudyResult.open(out)
        assert kept.runs.tolist() == result.runs.tolist()
        assert kept.requests.tolist() == result.requests.tolist()
        assert kept.table() == result.table()

    def test_tables_have_a_row_for_each_run_and_request(self, result):
        runs, requests = result.runs, result.requests
        assert len(runs) == 12
        assert len(requests) == 12 * 64
        assert set(runs["policy"].tolist()) == {"none", "v3", "all-orders"}
        one = runs[(runs["policy"] == "v3") & (runs["builds"] == 3) & (runs["seed"] == 2)]
        own = requests[(requests["policy"] == "v3") & (requests["builds"] == 3) & (requests["seed"] == 2)]
        assert one["success_percent"][0] == 100 * (own["page"] >= 0).mean()
        assert set(requests["path"].tolist()) <= {path.name.lower() for path in buddycap.RequestPath}

    def test_frames(self, result):
        pandas = pytest.importorskip("pandas")
        frame = result.to_pandas()
        assert isinstance(frame, pandas.DataFrame)
        means = frame.groupby(["builds", "policy"]).success_percent.mean()
        assert (
            means[1, "v3"]
            == result.runs["success_percent"][(result.runs["builds"] == 1) & (result.runs["policy"] == "v3")].mean()
        )
        assert len(result.to_pandas("requests")) == len(result.requests)
        with pytest.raises(MisuseError, match="runs, requests"):
            result.to_pandas("passes")

    def test_compare(self, result):
        first, second = result.compare("v3", "none")
        runs = result.runs[result.runs["builds"] == 1]
        wanted = [runs["success_percent"][runs["policy"] == name] for name in ("v3", "none")]
        assert first.mean == pytest.approx((wanted[0] - wanted[1]).mean())
        assert (first.case, second.case, first.n) == ("builds=1", "builds=3", 2)
        assert [gain.identical for gain in result.compare("all-orders", "v3")] == [True, True]
        assert "made the very runs of v3" in str(result.compare("all-orders", "v3"))
        with pytest.raises(MisuseError, match="did you mean 'none'"):
            result.compare("v3", "nonee")
        with pytest.raises(MisuseError, match="did you mean 'steals'"):
            result.compare("v3", "none", "steal")

    def test_pictures_and_pages(self, result):
        pytest.importorskip("matplotlib")
        assert result.plot("success")._repr_png_().startswith(b"\x89PNG")
        with pytest.raises(MisuseError, match="it is for a study with --sensitivity"):
            result.plot("tornado")
        page = result._repr_html_()
        assert page.count("<tr>") == 7
        assert "all-orders: the very runs of v3" in page

    def test_what_is_saved_is_read_again(self, result, tmp_path):
        files = result.save(tmp_path / "kept")
        assert {"runs.csv", "requests.csv"} <= {path.name for path in files}
        assert StudyResult.open(tmp_path / "kept").runs.tolist() == result.runs.tolist()
        with pytest.raises(MisuseError, match="not empty"):
            result.save(tmp_path / "kept")

    def test_a_folder_is_gone_on_with(self, tmp_path):
        first = buddycap.run_study(seeds=1, out=tmp_path / "out", **SMALL)
        with pytest.raises(MisuseError, match="resume=True"):
            buddycap.run_study(seeds=2, out=tmp_path / "out", **SMALL)
        second = buddycap.run_study(seeds=2, out=tmp_path / "out", resume=True, **SMALL)
        assert second.runs[:2].tolist() == first.runs.tolist()

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"bulids": 3}, "did you mean 'builds'"),
            ({"preset": "x86-64"}, "did you mean 'x86_64'"),
            ({"memory": "1X"}, "memory='1X'"),
            ({"builds": []}, "builds: at least one"),
            ({"zone": "DMA"}, "source names it"),
            ({"seeds": 0}, "allowed range is 1"),
            ({"resume": True}, "out names it"),
            ({"memory": "1G", "config": buddycap.study.config.StudyConfig()}, "says how much memory"),
        ],
    )
    def test_misuse(self, arguments, words):
        with pytest.raises(MisuseError, match=words):
            buddycap.run_study(executor="thread", **arguments)


class TestSeeds:
    def test_numpy_seeds_become_the_same_integers_every_time(self):
        one, two = (seeds_of(np.random.SeedSequence(7), 4) for _ in range(2))
        assert one == two
        assert len(set(one)) == 4
        drawn = [seeds_of(np.random.default_rng(7), 4) for _ in range(2)]
        assert drawn[0] == drawn[1] != one
        assert all(0 <= seed < 1 << 63 for seed in (*one, *drawn[0]))

    def test_a_generator_goes_on(self):
        generator = np.random.default_rng(7)
        assert seeds_of(generator, 2) + seeds_of(generator, 2) == seeds_of(np.random.default_rng(7), 4)

    def test_numpy_integers_are_integers(self):
        assert seeds_of(np.array([3, 5])) == (3, 5)
        assert seeds_of(np.int64(2)) == (1, 2)
        assert seed_of(np.uint8(9)) == 9

    @pytest.mark.parametrize("seeds", [True, 1.5, "abc", [1, 2.5], [-1], [1 << 63], [], None])
    def test_what_is_no_seed(self, seeds):
        with pytest.raises(MisuseError, match="seeds"):
            seeds_of(seeds)


class Locked:
    """A hook that cannot go to another process."""

    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, consultation):
        return None


def test_a_hook_that_cannot_travel_is_named_before_a_worker_begins():
    own = POLICIES["v3"].replace(name="own", hook=Locked())
    with pytest.raises(MisuseError, match="policy 'own': its hook holds what cannot go"):
        buddycap.run_study(["none", own], seeds=1, memory="128MiB", warmup_s=1, jobs=1)
    assert not buddycap.run_study(["none", own], seeds=1, **SMALL).errors


HOOK = """
import buddycap
def rule(consultation):
    return None
own = buddycap.POLICIES["v3"].replace(name="own", hook={hook})
try:
    result = buddycap.run_study(["none", own], seeds=1, memory="128MiB", warmup_s=1, jobs=1)
    print(len(result.errors), result.compare("own", "none")[0].n)
except buddycap.MisuseError as error:
    print(error)
"""


class TestHooks:
    """A hook goes to worker processes, or the reason why it cannot is said before any of them dies."""

    def session(self, hook, *, without=""):
        """What a session prints that is no file, as a notebook."""
        hidden = f"import sys; sys.modules['{without}'] = None\n" * bool(without)
        code = hidden + HOOK.format(hook=hook)
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    @pytest.mark.parametrize("hook", ["rule", "lambda consultation: None"])
    def test_cloudpickle_takes_it_along(self, hook):
        pytest.importorskip("cloudpickle")
        assert self.session(hook) == "0 1"

    @pytest.mark.parametrize("hook", ["rule", "lambda consultation: None"])
    def test_without_it_the_cause_is_named(self, hook):
        said = self.session(hook, without="cloudpickle")
        assert "policy 'own'" in said
        assert "pip install cloudpickle, or executor='thread'" in said

    def test_what_cannot_be_taken_along_is_refused(self):
        pytest.importorskip("cloudpickle")
        said = self.session("(lambda lock: lambda c: lock)(__import__('threading').Lock())")
        assert "policy 'own': its hook holds what cannot go to another process" in said

    def test_threads_share_it(self):
        seen = []
        own = POLICIES["v3"].replace(name="own", hook=seen.append)
        assert not buddycap.run_study(["none", own], seeds=1, **SMALL).errors
        assert seen

    def test_a_function_of_a_module_needs_nothing(self, monkeypatch):
        carrying._check_importable("own", seeds_of)
        with pytest.raises(MisuseError):
            carrying._check_importable("own", lambda consultation: None)


def test_comparison():
    result = buddycap.run_comparison(seeds=1, memory="1GiB", periods=[2], executor="thread", jobs=1)
    assert result.runs["preset"].tolist() == ["x86_64", "x86_64", "ppc64", "ppc64"]
    with pytest.raises((MisuseError, PolicyError), match="comes first"):
        buddycap.run_comparison("v3", seeds=1)


def test_image(tmp_path):
    made = buddycap.make_image(tmp_path / "a.img", memory="128MiB", seconds=1, seed=np.random.SeedSequence(1))
    assert buddycap.Zone.load(tmp_path / "a.img").digest() == made.zone.digest() == made.manifest["digest"]
    assert json.loads((tmp_path / "a.img.json").read_text()) == made.manifest
    words = ["--memory", "128MiB", "--seconds", "1", "--seed", str(made.manifest["seed"])]
    assert main(["image", "make", *words, "-o", str(tmp_path / "b.img")]) == 0
    assert (tmp_path / "a.img").read_bytes() == (tmp_path / "b.img").read_bytes()
    assert repr(made).startswith(f"<Image {tmp_path / 'a.img'}: {made.measures['free'] / 10:g} % free")
    assert "data:image/png" in made._repr_html_()
    with pytest.raises(MisuseError, match="exists"):
        buddycap.make_image(tmp_path / "a.img", memory="128MiB")
    with pytest.raises(MisuseError, match="did you mean 'fresh'"):
        buddycap.make_image(tmp_path / "c.img", recipe="fresch")


def test_replay(tmp_path, capsys):
    folder = next(path for path in sorted((DATA / "replay").iterdir()) if path.is_dir())
    done = buddycap.run_replay(folder, what_if=[{"policy": "v3"}, "policy=none,empty=yes"], samples=5)
    words = ["--samples", "5", "--what-if", "policy=v3", "--what-if", "policy=none,empty=yes", "--json"]
    assert main(["replay", str(folder), *words]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(done.as_dict()))
    assert [label for label, _ in done.lines] == ["reconstructed", "policy=v3", "policy=none empty=yes"]
    assert repr(done).startswith(f"<ReplayResult of {folder.name}: ")
    assert main(["replay", str(folder), *words[:-1]]) == 0
    assert done.table() in capsys.readouterr().out
    assert all(line in done._repr_html_() for line in done.table().splitlines())
    frame = done.to_pandas()
    assert len(frame) == 3 * 5 * len(done.timeline.names)
    assert set(frame["line"]) == {label for label, _ in done.lines}
    assert done.plot()._repr_png_().startswith(b"\x89PNG")
    assert done.plot(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_explanation(tmp_path, capsys):
    file = tmp_path / "dmesg"
    file.write_text("sh: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL)\n")
    answer = buddycap.explain_file(file)
    assert main(["explain", str(file)]) == answer.status == 1
    assert capsys.readouterr().out.rstrip("\n") == str(answer)
    assert answer._repr_html_().startswith("<pre>")
    with pytest.raises(MisuseError):
        buddycap.explain_file(file, page_kb=3)
