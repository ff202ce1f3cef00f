"""Does a study run what it was told to: sweeps, periods, ablations, seeds; and are its intervals the textbook's?"""

import json
import math
import random
from dataclasses import replace
from statistics import NormalDist, fmean, stdev

import numpy as np
import pytest

from buddycap import POLICIES, MisuseError
from buddycap.cli import main
from buddycap.progress import bar
from buddycap.study import plan as planning
from buddycap.study.ablations import ABLATIONS
from buddycap.study.aggregate import summarize
from buddycap.study.config import StudyConfig, preset_config
from buddycap.study.plan import Case, Plan, Task, ablations, code_version, sweep, with_periods
from buddycap.study.running import precision_told, run_to_precision
from buddycap.study.stats import (
    FEWEST_RESAMPLED,
    bootstrap_interval,
    mean_interval,
    paired_interval,
    seeds_needed,
    t_quantile,
)
from buddycap.study.store import Record
from buddycap.study.summary import difference, resampled, table

BASE = Case("", preset_config("x86_64", 1 << 15, warmup_s=1))
BOTH = (POLICIES["none"], POLICIES["v3"])
SAMPLES = 1500


def bootstrap_in_one_piece(values, resamples=10_000):
    """The same with all draws at once."""
    raw = np.random.PCG64(0).random_raw(resamples * len(values)) >> np.uint64(32)
    index = (raw * np.uint64(len(values)) >> np.uint64(32)).astype(np.intp)
    low, high = np.quantile(np.array(values)[index].reshape(resamples, -1).mean(axis=1), [0.025, 0.975])
    return round(float(low), 9), round(float(high), 9)


def record(policy, seed, success, **other):
    """A run that gave one figure."""
    return Record("", policy, seed, "", f"{policy}{seed}", {"success_percent": success}, {}, **other)


def test_intervals_are_those_of_the_textbook():
    """Two-sided 95 % quantiles of Student's t, from any table."""
    for degrees, value in ((1, 12.706), (2, 4.303), (11, 2.201), (23, 2.069), (30, 2.042), (120, 1.980)):
        assert t_quantile(degrees) == pytest.approx(value, abs=6e-4)
    assert t_quantile(10**6) == pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-5)
    assert mean_interval([1.0, 2.0, 3.0, 4.0]).half_width == pytest.approx(3.1824 * 1.290994 / 2, abs=1e-4)
    assert paired_interval([2.0, 3.0, 4.0], [1.0, 2.0, 3.0]).half_width == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("exponent", [-300, -3, 0, 40])
def test_sums_that_are_not_kept_give_the_same_interval_to_the_last_bit(exponent):
    draw = random.Random(exponent)
    values = [draw.choice((-1, 1)) * draw.random() * 10.0 ** (exponent + draw.randrange(9)) for _ in range(200)]
    for n in (2, 3, 200):
        found = mean_interval(iter(values[:n]))
        assert found.mean == fmean(values[:n])
        assert found.half_width == t_quantile(n - 1) * stdev(values[:n]) / math.sqrt(n)
    assert mean_interval([values[0]]).mean == values[0]


def test_the_bootstrap_agrees_with_theory():
    """Two values: a mean of (0, 1, 2)/2 with weights 1/4, 1/2, 1/4, so that 95 % reach from end to end.

    Sixteen values, half of them 1: the mean of a resample is binomial(16, 1/2)/16, with its 2.5 % points at 4 and 12.
    """
    assert bootstrap_interval([0.0, 1.0]) == (0.0, 1.0)
    assert bootstrap_interval([0.0, 1.0] * 8) == (0.25, 0.75)
    assert bootstrap_interval([0.0, 1.0] * 100) == bootstrap_in_one_piece([0.0, 1.0] * 100)
    assert bootstrap_interval([5.0, 5.0, 5.0]) == (5.0, 5.0)


def test_the_bootstrap_repeats_itself_and_its_draws_are_pinned():
    values = [0.3, 1.7, 2.2, -0.4, 0.9]
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values, resamples=3, seed=1) == pytest.approx((0.972, 1.542), abs=1e-9)
    assert all(value != value for value in bootstrap_interval([1.0]))
    with pytest.raises(MisuseError):
        bootstrap_interval(values, resamples=0)


def test_seeds_needed_is_the_smallest_number_that_suffices():
    values = [1.0, 2.0, 3.0, 4.0]
    n = seeds_needed(values, 0.5)
    spread = 1.2909944487
    assert t_quantile(n - 1) * spread / n**0.5 <= 0.5 < t_quantile(n - 2) * spread / (n - 1) ** 0.5
    assert seeds_needed([1.0, 1.0], 0.1) == 2
    assert seeds_needed(values, 1e-9, most=50) == 50
    for bad in ((values, 0.0), ([1.0], 1.0)):
        with pytest.raises(MisuseError):
            seeds_needed(*bad)


def test_differences_are_paired_by_seed_and_errors_left_out():
    base = [record("none", 1, 10.0), record("none", 2, 20.0), record("none", 4, 99.0)]
    own = [record("v3", 2, 23.0), record("v3", 1, 11.0), replace(record("v3", 4, 0.0), error="hung")]
    found = difference(own, base)
    assert (found["mean"], found["n"]) == (2.0, 2)


def test_the_bootstrap_is_too_narrow_with_few_values_and_t_is_not():
    """How often 95 % intervals hold the true mean of normal values; the numbers are those of docs/study.md.

    With 3 values nearly every resampled interval reaches from the least to the greatest, which hold it in 1 - 2/2^3.
    """
    draws = np.random.Generator(np.random.PCG64(1))
    for n, percent in ((3, 75), (8, 89), (20, 93)):
        bootstrap = student = 0
        for k in range(SAMPLES):
            values = draws.standard_normal(n).tolist()
            low, high = bootstrap_interval(values, resamples=1000, seed=k)
            bootstrap += low <= 0 <= high
            student += not mean_interval(values).excludes_zero
        assert 100 * bootstrap / SAMPLES == pytest.approx(percent, abs=2.5)
        assert 100 * student / SAMPLES == pytest.approx(95, abs=2)


@pytest.mark.parametrize(("n", "told"), [(FEWEST_RESAMPLED - 1, False), (FEWEST_RESAMPLED, True)])
def test_the_bootstrap_is_told_with_enough_seeds_only(n, told):
    runs = [record(policy, seed, 10.0 * (policy == "v3") + seed % 3) for policy in ("none", "v3") for seed in range(n)]
    gain = difference(runs[n:], runs[:n])
    assert ("low" in gain, "high" in gain) == (told, told)
    assert resampled(gain) == ("+10.00..+10.00" if told else "-")
    plan = Plan((BASE,), BOTH, tuple(range(n)))
    text = table(summarize(plan, runs))
    assert ("bootstrap" in text) is told
    assert ("+10.00..+10.00" in text) is told
    assert text.splitlines()[0].split()[:2] == ["policy", "seeds"]


def test_a_summary_counts_errors_and_sees_equal_states():
    plan = Plan((BASE,), BOTH, (1, 2))
    records = [record("none", 1, 10.0), record("none", 2, 20.0)]
    same = [replace(r, policy="v3") for r in records]
    rows = summarize(plan, records + same)
    assert [row["identical"] for row in rows] == [False, True]
    assert rows[0]["gain"] is None
    rows = summarize(plan, [*records, replace(same[0], error="hung"), same[1]])
    assert [(row["seeds"], row["errors"]) for row in rows] == [(2, 0), (1, 1)]


def test_a_sweep_makes_every_combination():
    cases = sweep([BASE], ["builds=2,3", "congestion_ms=20,100,50"])
    assert len(cases) == 6
    assert {(case.config.builds, case.config.congestion_ms) for case in cases} == {
        (builds, wait) for builds in (2, 3) for wait in (20, 100, 50)
    }
    assert sweep([BASE], []) == [BASE]


@pytest.mark.parametrize("word", ["builds", "builds=", "=3", "builds=2,,3", "nothing=1", "builds=-1", "memory=lots"])
def test_a_bad_sweep(word):
    with pytest.raises(MisuseError):
        sweep([BASE], [word])


def test_periods_multiply_the_time_between_requests():
    cases = with_periods([BASE], [0.5, 1, 2])
    assert [case.config.period_ns * 2 // BASE.config.period_ns for case in cases] == [1, 2, 4]
    assert len({case.label for case in cases}) == 3


def test_ablations_change_one_thing_each():
    cases = ablations([BASE])
    assert [case.label for case in cases] == ["as it is", *ABLATIONS]
    assert cases[0].config == BASE.config
    assert all(case.config != BASE.config for case in cases[1:])


@pytest.mark.parametrize(
    ("cases", "seeds"),
    [((), (1,)), ((BASE, BASE), (1,)), ((BASE,), ()), ((BASE,), (1, 1)), ((BASE,), (-1,)), ((BASE,), (1 << 63,))],
)
def test_a_plan_names_everything_once_and_in_range(cases, seeds):
    with pytest.raises(MisuseError):
        Plan(cases, BOTH, seeds)


def test_a_plan_comes_back_from_json():
    plan = Plan(tuple(with_periods([BASE], [1, 2])), tuple(POLICIES.values()), (3, 4), "somewhere", "DMA32")
    assert Plan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan


def test_the_key_depends_on_what_the_result_depends_on(tmp_path):
    task = Task(BASE.config, BOTH[1], 1)
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("a")
    second.write_text("b")
    changed = [
        replace(task, config=task.config.replace(builds=3)),
        replace(task, policy=BOTH[1].replace(capture_min_order=2)),
        replace(task, seed=2),
        replace(task, source=str(first)),
        replace(task, source=str(second)),
        replace(task, source=str(first), zone="DMA"),
    ]
    assert len({t.key for t in [task, *changed]}) == 7
    assert replace(task, policy=BOTH[1].replace(source="somebody else")).key == task.key
    assert task.key[3] == code_version()


def test_the_version_is_that_of_files_that_exist():
    assert all((planning.PACKAGE / name).is_file() for name in planning._MODULES)
    assert (planning.PACKAGE / "core" / "kernel.pxi").is_file()


class TestPrecision:
    """As many of the seeds as it takes, always from the first on."""

    PLAN = Plan((BASE,), BOTH, tuple(range(1, 97)))

    def run(self, spread):
        """A runner whose gains go up and down by a spread."""
        self.asked = []

        def run(plan):
            self.asked.append(plan.seeds)
            gains = {seed: 2.0 + spread * (-1) ** seed for seed in plan.seeds}
            return [record("none", s, 50.0) for s in gains] + [record("v3", s, 50.0 + g) for s, g in gains.items()]

        return run

    def test_no_more_seeds_than_it_takes(self):
        records = run_to_precision(self.PLAN, 0.5, self.run(0.1))
        assert self.asked == [tuple(range(1, 9))]
        assert len(records) == 16

    def test_more_seeds_until_it_is_reached(self):
        records = run_to_precision(self.PLAN, 0.5, self.run(1.5))
        assert all(seeds == tuple(range(1, len(seeds) + 1)) for seeds in self.asked)
        assert 36 <= len(self.asked[-1]) <= 44
        assert len(records) == 2 * len(self.asked[-1])

    def test_all_seeds_if_it_is_not_reached(self):
        run_to_precision(self.PLAN, 0.5, self.run(9.0))
        assert self.asked[-1] == self.PLAN.seeds

    def test_misuse(self):
        for plan, wanted in ((self.PLAN, 0.0), (replace(self.PLAN, policies=BOTH[:1]), 1.0)):
            with pytest.raises(MisuseError):
                run_to_precision(plan, wanted, self.run(1.0))

    def test_the_command(self, capsys):
        words = ["--memory", "256MiB", "--jobs", "2", "--precision", "0.01", "--max-seeds", "12", "--json"]
        assert main(["study", *words]) == 0
        told = capsys.readouterr()
        assert json.loads(told.out)["plan"]["seeds"] == list(range(1, 13))
        assert "± 0.01 not reached: v3 ± " in told.err

    def test_what_is_told(self):
        records = self.run(1.5)(replace(self.PLAN, seeds=range(1, 9)))
        assert precision_told(self.PLAN, records, 2.0) == ["every gain is known to ± 2 points"]
        (line,) = precision_told(self.PLAN, records, 0.5)
        assert line == "± 0.5 not reached: v3 ± 1.34 with 8 seeds, about 42 would do"
        (line,) = precision_told(self.PLAN, records[:1] + records[8:9], 0.5)
        assert line.endswith("with 1 seeds, too few to tell")

    def test_a_limit_without_a_precision(self, capsys):
        assert main(["study", "--max-seeds", "3"]) == 2
        assert "--precision" in capsys.readouterr().err


def test_a_configuration_from_a_file(tmp_path, capsys):
    path = tmp_path / "machine.toml"
    path.write_text(StudyConfig(memory_pages=1 << 15, warmup_s=1, builds=2).to_toml())
    words = ["study", "--config", str(path), "--seeds", "1", "--executor", "thread"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["plan"]["cases"][0]["config"]["builds"] == 2
    assert main([*words, "--memory", "1GiB"]) == 2


def test_two_presets_in_one_study(capsys):
    words = ["--preset", "x86_64,ppc64", "--memory", "1GiB", "--sweep", "warmup_s=1", "--seeds", "1"]
    assert main(["study", *words, "--policies", "none", "--format", "csv"]) == 0
    cases = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert cases == ["x86_64 warmup_s=1", "ppc64 warmup_s=1"]


def test_the_plain_bar():
    assert bar(0, 10, 0.0, "runs").endswith("0/10 runs, 0.0/s, 0:00 left")
    assert bar(10, 10, 1.0, "runs").startswith("[" + "#" * 30 + "]")
    assert all(len(bar(7, 10, 1.0, "runs", columns)) <= columns for columns in range(80))
