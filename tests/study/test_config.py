"""Is the configuration of a run complete, checked, and the same after a trip through TOML?"""

from dataclasses import FrozenInstanceError, fields

import pytest

from buddycap import FormatError, MisuseError
from buddycap.study.config import StudyConfig, preset_config


def test_a_configuration_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        StudyConfig().builds = 3


def test_every_field_is_documented_in_its_place():
    """numpydoc: each name stands at the beginning of a line of the Parameters section, before its type."""
    lines = [line.split(" : ")[0] for line in StudyConfig.__doc__.splitlines() if " : " in line]
    documented = [name.strip() for line in lines for name in line.split(",")]
    assert sorted(documented) == sorted(field.name for field in fields(StudyConfig))


@pytest.mark.parametrize("preset", ["x86_64", "ppc64"])
def test_toml_there_and_back(preset, tmp_path):
    config = preset_config(preset, 1 << 19, builds=3, process_sigma=0.75, disk_mib_per_s=33.5)
    path = tmp_path / "model.toml"
    path.write_text(config.to_toml())
    assert StudyConfig.from_toml(path) == config


def test_a_short_file_means_the_preset_with_changes(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text('# mine\npreset = "ppc64"\nbuilds = 9\n')
    assert StudyConfig.from_toml(path) == preset_config("ppc64", StudyConfig().memory_pages, builds=9)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("builds = 5\nbuild = 6\n", 2, "build"),
        ("builds = 5\n\ncpus = 0\n", 3, "cpus=0"),
        ("builds = 5\ncpus = true\n", 2, "cpus=True"),
        ("builds = 5\ncpus = 1.5\n", 2, "cpus=1.5"),
        ("builds = \n", 1, "TOML"),
        ('preset = "vax"\n', 1, "vax"),
        ("[builds]\nx = 1\n", None, "builds"),
    ],
)
def test_a_wrong_file_is_told_by_name_and_line(text, line, word, tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(text)
    with pytest.raises(FormatError) as error:
        StudyConfig.from_toml(path)
    assert error.value.file == str(path)
    assert error.value.line == line
    assert word in str(error.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "model.toml"
    path.write_bytes(b"builds = 5 # \xff\n")
    with pytest.raises(FormatError, match="UTF-8"):
        StudyConfig.from_toml(path)


@pytest.mark.parametrize(
    "changes",
    [{"build": 1}, {"cpus": 0}, {"memory": "4000KiB"}, {"preset": "vax"}, {"gap_ms": -1}, {"process_sigma": "wide"}],
)
def test_a_wrong_value_is_refused_by_name(changes):
    with pytest.raises(MisuseError, match=next(iter(changes))):
        StudyConfig().replace(**changes)


def test_the_period_follows_rate_and_percentage():
    config = preset_config("x86_64", 1 << 20)
    assert config.period_ns == 125_000_000
    assert [config.replace(period_percent=percent).period_ns for percent in (50, 200)] == [62_500_000, 250_000_000]
    assert preset_config("ppc64", 1 << 20).period_ns == 1_000_000_000
