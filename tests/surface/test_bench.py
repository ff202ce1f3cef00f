"""Does `buddycap bench` measure what it says, the same operations everywhere, in a few seconds?"""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from buddycap import MisuseError, Zone, bench
from buddycap.cli import main

SMALL = ("--memory", "16MiB", "--rounds", "1")


def run(*arguments):
    """Run the command as a user does."""
    command = [sys.executable, "-m", "buddycap", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_table_and_json_tell_the_same_lines():
    text, data = run(*SMALL), run(*SMALL, "--json")
    assert (text.returncode, text.stderr, data.returncode) == (0, "", 0)
    results = json.loads(data.stdout)["results"]
    lines = text.stdout.splitlines()[1:-1]
    assert len(lines) == len(results) >= 10
    for line, result in zip(lines, results, strict=True):
        assert line.startswith(result["name"])
        assert line.endswith(result["unit"])
        assert 0 < result["least"] <= result["seconds"] <= result["greatest"]
        assert result["ns"] == pytest.approx(result["seconds"] / result["count"] * 1e9)
        assert result["per_second"] * result["ns"] == pytest.approx(1e9)
    assert set(json.loads(data.stdout)["build"]) >= {"buddycap", "python", "numpy", "compiler", "flags", "cython"}


def test_a_machine_is_compared_with_the_one_that_is_known(capsys, monkeypatch):
    twice = [bench.Result(name, "", 10, 1.0, 5e-9 * ns, 1.0) for name, ns in bench.REFERENCE_NS.items()]
    assert bench.compared(twice) == pytest.approx([2.0] * len(twice))
    monkeypatch.setattr("buddycap.commands.bench.measured", lambda *_: iter(twice))
    assert main(["bench"]) == 0
    assert "2.00 to 2.00 times as fast as an AMD EPYC" in capsys.readouterr().out
    names = {name for name, *_ in bench._benches(4096, 0)}
    assert names < bench.REFERENCE_NS.keys()


@pytest.mark.parametrize("arguments", [("--memory", "1MiB"), ("--rounds", "0"), ("--seed", "-1"), ("--memory", "x")])
def test_what_cannot_be_measured(arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("buddycap: error: ")


def test_after_ctrl_c_the_lines_that_are_done_are_printed(monkeypatch, capsys):
    def interrupted(job):
        if len(jobs) == 2:
            raise KeyboardInterrupt
        jobs.append(job)
        return 1.0

    jobs = []
    monkeypatch.setattr(bench, "_timed", interrupted)
    assert main(["bench", *SMALL]) == 130
    out, err = capsys.readouterr()
    assert [line[:16] for line in out.splitlines()[1:-1]] == ["allocate a merge", "free it in rando"]
    assert err == "buddycap: interrupted\n"


def test_operations_are_those_of_the_seed():
    """Streams decide what is measured, so they must not depend on the machine or on numpy's version."""
    hashes = [hashlib.sha256(array.tobytes()).hexdigest()[:16] for array in (bench._shuffle(4096, 0), bench._mixed(0))]
    assert hashes == ["f6d15fc45d4af786", "77a743a6aaf6f8d6"]
    assert not np.array_equal(bench._shuffle(64, 1), bench._shuffle(64, 2))


def test_the_stream_is_a_good_one():
    ops = bench._mixed(3)
    zone = Zone(0, 1 << 16, min_free_kbytes=0)
    results = zone.run(ops)
    assert len(ops) > 0.9 * bench.STREAM
    assert (results[ops["op"] == 1] >= 0).mean() > 0.9
    assert sorted(set(ops["order"][ops["op"] == 1].tolist())) == list(range(10))
    zone.check()


def test_both_streams_say_the_same():
    ops = bench._mixed(0)
    requests = bench._requests(ops)
    assert np.array_equal(requests["arg"], ops["arg"])
    assert ((requests["op"] == 1) == (ops["op"] == 1)).all()


def test_too_small():
    with pytest.raises(MisuseError, match="pages=100"):
        bench.measure(100)
