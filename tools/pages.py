"""What the generators of these pages share: a Markdown table, and its place in a page."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    >>> print(table(["a"], [["1"]]))
    | a |
    |---|
    | 1 |
    """
    lines = [f"| {' | '.join(row)} |" for row in (heads, *rows)]
    return "\n".join([lines[0], "|---" * len(heads) + "|", *lines[1:]])


def placed(text: str, name: str, content: str) -> str:
    """Return a page with the content between the marks of a name.

    >>> placed("<!-- x:begin -->old<!-- x:end -->, and more", "x", "new")
    '<!-- x:begin -->\\nnew\\n<!-- x:end -->, and more'
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"the marks {begin} and {end} are wanted in the page")
    return f"{head}{begin}\n{content}\n{end}{tail}"
