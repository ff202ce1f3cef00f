"""Is docs/study-6.1.md what the generator makes from the committed figures, and no result in it typed by hand?"""

import json
import re
import sys

import pytest

from buddycap import cli
from sourcelint import ROOT

sys.path.insert(0, str(ROOT / "tools"))
try:
    import generate_study_61
    import study_pages
finally:
    sys.path.remove(str(ROOT / "tools"))

FIGURES = json.loads(generate_study_61.FIGURES.read_text())
TEMPLATE = generate_study_61.TEMPLATE.read_text()


def test_the_page_is_what_the_generator_makes():
    assert generate_study_61.PAGE.read_text() == generate_study_61.page(FIGURES)


def test_no_result_is_typed_by_hand():
    """Numbers of the template are settings and names: nothing with decimals but versions, no interval."""
    prose = re.sub(r"2\.6\.27|\b6\.1\b", "", TEMPLATE)
    assert re.findall(r"\d+\.\d+|±\s*\d", prose) == []


def test_every_block_is_used_and_the_picture_is_small():
    assert set(study_pages.PLACE.findall(TEMPLATE)) == set(generate_study_61.BLOCKS)
    assert generate_study_61.PICTURE.stat().st_size < 100_000


def test_the_commands_of_the_page_are_commands_and_have_figures():
    for name, words in generate_study_61.STUDIES.items():
        args = cli._parser(words.split()).parse_args(words.split())
        assert callable(args.command)
        assert FIGURES["made"][name]["runs"] > 0


def test_an_unknown_block_is_refused(monkeypatch, tmp_path):
    template = tmp_path / "template"
    template.write_text("{{nothing}}")
    monkeypatch.setattr(generate_study_61, "TEMPLATE", template)
    with pytest.raises(SystemExit, match="no such block"):
        generate_study_61.page(FIGURES)
