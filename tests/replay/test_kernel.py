"""Which kernel serves a recording, and what is said of it?"""

from types import SimpleNamespace

import pytest

from buddycap import KERNELS, MisuseError
from buddycap.formats.tracetext import UNDECIDED
from buddycap.replay.kernel import nearest_kernel, served_by


def recorded(release):
    return SimpleNamespace(trace=SimpleNamespace(report=SimpleNamespace(kernel=release)))


@pytest.mark.parametrize(
    ("release", "kernel"),
    [("2.6.32", "2.6.27"), ("5.10", "6.1"), ("6.1.0-56-cloud", "6.1"), ("6.5", "6.1"), ("6.6.30", "6.12"),
     ("6.12.100", "6.12"), ("6.18.44", "6.12")],
)  # fmt: skip
def test_the_kernel_that_stands_for_a_release(release, kernel):
    assert nearest_kernel(release).release == kernel


def test_known_differences_are_told():
    assert served_by(recorded("6.12.100")) == (KERNELS["6.12"], ())
    _, (told,) = served_by(recorded("6.18.44"))
    assert told.startswith(
        "recorded with Linux 6.18.44, served by 6.12, the nearest that is simulated; 6.18.44 differs"
    )
    assert "an isolated pageblock keeps its type" in told
    _, (told,) = served_by(recorded("6.16"), "6.12")
    assert "isolated" not in told
    assert "stay long although small blocks are freed" in told
    assert "compaction asks for more" in told
    _, (told,) = served_by(recorded("6.6.30"))
    assert told.endswith("6.6.30 differs: lists of a CPU do not size themselves")
    _, (told,) = served_by(recorded("6.18"), "6.1")
    assert "lists of a CPU size themselves" in told
    assert served_by(recorded("5.10"), "6.1") == served_by(recorded(UNDECIDED), "6.1") == (KERNELS["6.1"], ())


def test_a_trace_that_does_not_say():
    assert "does not say" in served_by(recorded(UNDECIDED))[1][0]
    with pytest.raises(MisuseError, match=r"kernel='6\.2': there are"):
        served_by(recorded("6.1"), "6.2")
