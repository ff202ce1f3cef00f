"""Is there a damaged file, of any kind that is read, that ends in anything but an answer or an error of its own?"""

import numpy as np
import pytest

import fuzzfiles

CASES = 330


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return fuzzfiles.make_samples(tmp_path_factory.mktemp("samples"))


def test_what_is_not_damaged_is_read(samples, tmp_path):
    """Else nothing would be tried."""
    for name, (sample, _, read) in samples.items():
        work = tmp_path / name.replace("/", " ")
        work.mkdir()
        assert fuzzfiles.one(name, (sample, lambda rng, data: data, read), 0, 0, work) == ("read", ""), name


def test_damaged_files_are_read_or_refused():
    table, findings, peak = fuzzfiles.fuzz(CASES)
    assert not findings, fuzzfiles.show(table, findings, peak)
    assert sum(ends.total() for ends in table.values()) == CASES
    assert peak < 1024


@pytest.mark.parametrize(
    ("wrong", "name"), [(KeyError, "KeyError"), (fuzzfiles.Hang, "Hang"), (MemoryError, "MemoryError")]
)
def test_what_is_wrong_is_found(tmp_path, wrong, name):
    def read(path):
        raise wrong

    (tmp_path / "sample").write_text("x")
    how, why = fuzzfiles.one("kind", (tmp_path / "sample", fuzzfiles.damaged, read), 0, 0, tmp_path)
    assert how == "WRONG"
    assert name in why


def test_damage_is_damage():
    data = bytes(range(256)) * 8
    changed = [fuzzfiles.damaged(np.random.default_rng((1, k)), data) != data for k in range(200)]
    assert np.mean(changed) > 0.8
