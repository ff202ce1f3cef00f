"""Is the documentation a site in which every link leads somewhere?"""

import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

import buddycap
from sourcelint import ROOT

pytest.importorskip("mkdocs", reason="the site needs mkdocs: pip install 'buddycap[docs]'")
pytest.importorskip("mkdocstrings", reason="the site needs mkdocstrings: pip install 'buddycap[docs]'")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]  # one process builds, for all of these tests


class Page(HTMLParser):
    """The links of a page, and the places in it that links can lead to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.places |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]


def broken(pages, folder):
    """The links within a site that lead nowhere."""
    wrong = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link == "#":
                continue
            base = folder if parts.path.startswith("/") else path.parent  # the page of what is not found
            target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            known = target.exists() and (
                not parts.fragment or target not in pages or place(parts) in pages[target].places
            )
            if not known:
                wrong.append(f"{path.relative_to(folder)}: {link}")
    return wrong


def place(parts):
    return unquote(parts.fragment)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of the site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site").resolve()
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}


def test_every_link_leads_somewhere(site):
    folder, pages = site
    assert len(pages) > 20
    assert broken(pages, folder) == []


def test_every_page_of_docs_is_in_the_navigation(site):
    folder, pages = site
    known = {str(path.relative_to(folder).with_suffix(".md")) for path in pages}
    assert {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")} - known == set()
    reached = {link for page in pages.values() for link in page.links}
    for path in (ROOT / "docs").rglob("*.md"):
        assert any(link.partition("#")[0].endswith(path.with_suffix(".html").name) for link in reached), path


def test_the_reference_has_what_the_package_offers(site):
    folder, pages = site
    text = (folder / "reference.html").read_text(encoding="utf-8")
    calls = ("run_study", "run_comparison", "run_replay", "explain_file", "make_image", "StudyResult")
    for name in (*calls, "Zone.rmqueue", "CaptureList.capture_one_page", "Machine", "StudyConfig", "MisuseError"):
        assert name in text
    assert set(calls) <= set(buddycap.__all__)


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "b.html").write_text('<p id="x">')
    pages = {tmp_path / "b.html": Page('<p id="x">')}
    pages[tmp_path / "a.html"] = Page(
        '<a href="b.html#x"></a><a href="b.html#y"></a><a href="c.html"></a><img src="d.png">'
    )
    assert broken(pages, tmp_path) == ["a.html: b.html#y", "a.html: c.html", "a.html: d.png"]
