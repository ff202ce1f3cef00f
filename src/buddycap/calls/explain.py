"""Why an allocation failed, in one call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..escape import for_html

if TYPE_CHECKING:
    from ..explain.answers import Explained

__all__ = ["Explanation", "explain_file"]


class Explanation:
    """The answer to a file, as a text when it is printed.

    Parameters
    ----------
    answer : Explained

    Attributes
    ----------
    answer : Explained
        The same with its parts.
    status : int
        0: answered, 1: in part.
    """

    def __init__(self, answer: "Explained") -> None:
        self.answer = answer

    @property
    def status(self) -> int:
        """0 if the question is answered, 1 if in part."""
        return self.answer.status

    def as_dict(self) -> dict[str, Any]:
        """Return what `buddycap explain --json` prints."""
        return self.answer.as_dict()

    def __str__(self) -> str:
        return self.answer.told().rstrip("\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the text for a notebook."""
        text = "\n".join(map(for_html, str(self).split("\n")))
        return f"<pre>{text}</pre>"


def explain_file(
    path: str | Path, *, kernel: str | None = None, page_kb: int | None = None, order: int | None = None
) -> Explanation:
    """Tell what a kernel's own text answers: `buddycap explain FILE` as one call.

    Parameters
    ----------
    path : path
        A dmesg or journal, buddyinfo, vmstat, a trace, a dump of page_owner, the folder of a sosreport.
    kernel : str, optional
        Release that wrote the text, if it does not say.
    page_kb : int, KiB, optional
        Size of a page, if the text does not say.
    order : int, optional
        Order to ask about, where the text asks for none.

    Returns
    -------
    Explanation

    Raises
    ------
    FormatError
        If nothing in it can be answered.
    MisuseError
        If an option is out of range.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import buddycap, tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"sh: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL)\\n"), file.flush()
    ...     answer = buddycap.explain_file(file.name)
    >>> answer.status, answer.as_dict()["verdict"]
    (1, 'unknown')
    """
    from ..explain import files  # here, for it takes long to import, and few sessions need it
    from ..explain.memory import Options, check_options

    options = Options(kernel, page_kb, order)
    check_options(options)
    return Explanation(files.explain_file(path, options))
