"""How the seeds of numpy become those of buddycap, which are integers."""

from collections.abc import Iterable
from operator import index

import numpy as np

from ..errors import MisuseError

__all__ = ["Seeds", "seed_of", "seeds_of"]

Seeds = int | Iterable[int] | np.random.SeedSequence | np.random.Generator

_LARGEST = (1 << 63) - 1


def seeds_of(seeds: Seeds, count: int = 8) -> tuple[int, ...]:
    """Return the seeds of a study.

    Parameters
    ----------
    seeds : int, iterable of int, SeedSequence or Generator
        An integer n is that many runs, with the seeds 1..n, as `buddycap study --seeds n`. An iterable holds the seeds
        themselves. Of a `numpy.random.SeedSequence` the first `count` words of `generate_state(count, uint64)` are
        taken, of a `numpy.random.Generator` `count` draws of `integers(0, 2**63)`, which advances it.
    count : int, 1..
        Runs, if the seeds come from numpy.

    Raises
    ------
    MisuseError
        If there is no seed, one stands there twice, or one is outside 0..2^63-1.

    Examples
    --------
    >>> seeds_of(3), seeds_of([7, 2]), seeds_of(np.random.SeedSequence(42), count=1)
    ((1, 2, 3), (7, 2), (5732826375231505755,))
    """
    if isinstance(seeds, np.random.SeedSequence):
        found = [int(word) >> 1 for word in seeds.generate_state(_counted(count), np.uint64)]
    elif isinstance(seeds, np.random.Generator):
        found = [int(draw) for draw in seeds.integers(0, _LARGEST, _counted(count), np.int64, endpoint=True)]
    elif isinstance(seeds, Iterable):
        found = [_integer(seed) for seed in seeds]
    else:
        found = list(range(1, _counted(_integer(seeds)) + 1))
    for seed in found:
        if not 0 <= seed <= _LARGEST:
            raise MisuseError(f"seeds: {seed}: allowed range is 0..2^63-1")
    if not found:
        raise MisuseError("seeds: at least one is wanted")
    return tuple(found)


def seed_of(seed: int | np.random.SeedSequence | np.random.Generator) -> int:
    """Return one seed, as the first that `seeds_of` takes of numpy's; an integer is the seed itself.

    Raises
    ------
    MisuseError
        If it is outside 0..2^63-1, or no seed at all.

    Examples
    --------
    >>> seed_of(7), seed_of(np.random.SeedSequence(42)), seed_of(np.random.default_rng(42)) < 1 << 63
    (7, 5732826375231505755, True)
    """
    if isinstance(seed, np.random.SeedSequence | np.random.Generator):
        return seeds_of(seed, 1)[0]
    return seeds_of([seed])[0]


def _integer(value: object) -> int:
    """Return a value that is an integer, of Python or of numpy."""
    try:
        if not isinstance(value, bool):
            return index(value)  # type: ignore[arg-type]
    except TypeError:
        pass
    raise MisuseError(
        f"seeds: {value!r}: an integer, integers, a numpy.random.SeedSequence or a numpy.random.Generator is wanted"
    ) from None


def _counted(count: int) -> int:
    """Return a number of runs that is possible."""
    if not 1 <= count <= 1_000_000:
        raise MisuseError(f"seeds: {count} runs: allowed range is 1..1000000")
    return count
