"""What all benchmark files share: the sizes, the contenders, and how a job is measured."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import contenders
from workloads import format_size, parse_size

ROUNDS = 5
CONTENDERS = {
    contender.name: contender
    for contender in (contenders.KernelStyle(), contenders.BuddycapRun(), contenders.BuddycapBulk())
}


def pytest_addoption(parser):
    parser.addoption("--sizes", help="sizes of the zones, such as 64MiB,1GiB, instead of each file's own")


def pytest_generate_tests(metafunc):
    """`pages` goes over the file's SIZES (default 1GiB), `contender` over the baseline, streams and bulk."""
    if "pages" in metafunc.fixturenames:
        wanted = metafunc.config.getoption("--sizes")
        sizes = wanted.split(",") if wanted else getattr(metafunc.module, "SIZES", ("1GiB",))
        metafunc.parametrize("pages", [parse_size(size) for size in sizes], ids=format_size)
    if "contender" in metafunc.fixturenames:
        metafunc.parametrize("contender", CONTENDERS.values(), ids=lambda contender: contender.name.replace(" ", "-"))


@pytest.fixture
def measure(benchmark):
    """Measure `prepare() -> job`, preparing anew for every round; `count` operations go to the extra information."""

    def run(prepare, count, unit="pages", rounds=ROUNDS):
        def setup():
            job = prepare()
            if job is None:
                pytest.skip("this contender does not do it")
            return (job,), {}

        benchmark.pedantic(lambda job: job(), setup=setup, rounds=rounds, warmup_rounds=1)
        benchmark.extra_info[unit] = count
        if benchmark.stats:
            benchmark.extra_info[f"{unit}_per_second"] = round(count / benchmark.stats.stats.median)

    return run
