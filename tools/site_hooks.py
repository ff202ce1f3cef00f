"""What mkdocs does not do by itself: links that leave docs/ become the names of what they lead to.

The pages are read in the source tree, too, where such links work; the site has no source files to lead to.
"""

import inspect
import posixpath
import re
from typing import Any

FOLDERS = ("docs/decisions", "docs/pictures")
COMPILED = ("Zone", "CaptureList", "Node")
PLACE = "<!-- compiled -->"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?://|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace the links of a page that lead out of the documentation.

    Called by mkdocs for each page, before it is turned into HTML.
    """
    folder = posixpath.dirname(page.file.src_uri)

    def told(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, match[2]))
        if target.startswith("docs/") and not target.endswith((".json", ".toml")) and target not in FOLDERS:
            return match[0]
        return f"{match[1]} (`{target}`)"

    return LINK.sub(told, markdown).replace(PLACE, compiled() if PLACE in markdown else "")


def compiled() -> str:
    """Return what the compiled classes say of themselves: they have no source that mkdocstrings could read."""
    import buddycap

    parts = []
    for name in COMPILED:
        cls = getattr(buddycap, name)
        parts.append(f"### {name}\n\n{shown(inspect.getdoc(cls) or '')}")
        for member, value in vars(cls).items():
            if not member.startswith("_") and callable(value) and value.__doc__:
                parts.append(f"#### {name}.{member}\n\n{shown(inspect.cleandoc(value.__doc__))}")
    return "\n\n".join(parts)


def shown(text: str) -> str:
    """Return a docstring as a block that keeps its lines."""
    return "```text\n" + text + "\n```"
