"""What all benchmark files share: the sizes, the contenders, how a job is measured, and the lines that are kept."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import contenders
import harness
from workloads import format_size, parse_size

ROUNDS = 5
CONTENDERS = {
    contender.name: contender
    for contender in (contenders.KernelStyle(), contenders.BuddycapRun(), contenders.BuddycapBulk())
}


def pytest_addoption(parser):
    parser.addoption("--sizes", help="sizes of the zones, such as 64MiB,1GiB, instead of each file's own")
    parser.addoption("--lines", help="append what buddycap reaches to this file, one JSON line each, for report.py")


def pytest_generate_tests(metafunc):
    """`pages` goes over the file's SIZES (default 1GiB), `contender` over the baseline, streams and bulk."""
    if "pages" in metafunc.fixturenames:
        wanted = metafunc.config.getoption("--sizes")
        sizes = wanted.split(",") if wanted else getattr(metafunc.module, "SIZES", ("1GiB",))
        metafunc.parametrize("pages", [parse_size(size) for size in sizes], ids=format_size)
    if "contender" in metafunc.fixturenames:
        metafunc.parametrize("contender", CONTENDERS.values(), ids=lambda contender: contender.name.replace(" ", "-"))


@pytest.fixture(scope="session")
def lines(pytestconfig):
    """Where records go: a file that begins with the machine, or nowhere."""
    path = pytestconfig.getoption("--lines")
    if not path:
        yield None
        return
    with open(path, "a", encoding="utf-8") as file:
        print(json.dumps({"machine": harness.provenance()}), file=file)
        yield file


@pytest.fixture
def note(request, benchmark, lines):
    """Put `count` operations a round into the extra information, and a titled record into the lines."""

    def run(count, unit, title=None, pages=None):
        benchmark.extra_info[unit] = count
        if not benchmark.stats:
            return
        rate = count / benchmark.stats.stats.median
        benchmark.extra_info[f"{unit}_per_second"] = round(rate)
        if lines is not None and title is not None:
            pages = pages or request.node.callspec.params.get("pages", 1 << 18)
            record = {
                "workload": request.node.name, "title": title, "size": format_size(pages), "unit": unit,
                "per_second": float(f"{rate:.4g}"), "rounds": benchmark.stats.stats.rounds, "load": harness.load(),
            }  # fmt: skip
            print(json.dumps(record), file=lines, flush=True)

    return run


@pytest.fixture
def measure(benchmark, note):
    """Measure `prepare() -> job`, preparing anew for every round."""

    def run(prepare, count, unit="pages", rounds=ROUNDS, title=None):
        def setup():
            job = prepare()
            if job is None:
                pytest.skip("this contender does not do it")
            return (job,), {}

        benchmark.pedantic(lambda job: job(), setup=setup, rounds=rounds, warmup_rounds=1)
        note(count, unit, title)

    return run
