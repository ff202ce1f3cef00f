"""Are the tables of docs/study.md and README.md those that the generator makes from the committed figures?"""

import json
import re
import sys

import pytest

from sourcelint import ROOT

sys.path.insert(0, str(ROOT / "tools"))
try:
    import generate_study
    import study_pages
finally:
    sys.path.remove(str(ROOT / "tools"))

FIGURES = json.loads(generate_study.FIGURES.read_text())


def test_the_page_is_what_the_generator_makes():
    assert generate_study.PAGE.read_text() == generate_study.page(FIGURES)


def test_the_readme_has_the_generated_table():
    text = generate_study.README.read_text()
    assert generate_study.readme(text, FIGURES) == text


def test_no_result_is_typed_by_hand():
    """Numbers of the template are settings and names, never results: nothing with decimals, no interval."""
    prose = re.sub(r"2\.6\.2\d|x0\.5|Linux 6\.18", "", generate_study.TEMPLATE.read_text())
    assert re.findall(r"\d+\.\d+|±\s*\d", prose) == []


def test_every_block_is_used_and_every_picture_is_there_and_small():
    text = generate_study.TEMPLATE.read_text()
    assert set(study_pages.PLACE.findall(text)) == set(generate_study.BLOCKS)
    pictures = re.findall(r"\((pictures/\S+)\)", text)
    assert len(pictures) >= 6
    for name in pictures:
        assert (generate_study.DOCS / name).stat().st_size < 100_000


def test_the_commands_of_the_page_are_commands():
    from buddycap import cli

    for words in generate_study.STUDIES.values():
        args = cli._parser(words.split()).parse_args(words.split())
        assert callable(args.command)
        files = [name for word in words.split() for name in word.split(",") if "/" in name]
        assert all((ROOT / name).exists() for name in files)


def test_an_unknown_block_is_refused(monkeypatch, tmp_path):
    template = tmp_path / "template"
    template.write_text("{{nothing}}")
    monkeypatch.setattr(generate_study, "TEMPLATE", template)
    with pytest.raises(SystemExit, match="no such block"):
        generate_study.page(FIGURES)
    with pytest.raises(SystemExit, match="wanted"):
        generate_study.readme("no marks", FIGURES)
