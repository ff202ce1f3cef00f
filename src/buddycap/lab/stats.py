"""Means with confidence intervals, paired by seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

__all__ = ["Interval", "mean_interval", "paired_interval", "t_quantile"]

# Two-sided 95 % quantiles of Student's t for 1..10 degrees of freedom; above, the expansion is good to 4 digits.
_T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


@dataclass(frozen=True)
class Interval:
    """A mean and the half width of its 95 % confidence interval.

    Parameters
    ----------
    mean : float
    half_width : float
        `nan` for a single value.
    n : int
        Number of values.

    Examples
    --------
    >>> print(Interval(54.1, 0.52, 8))
    54.10 ± 0.52
    """

    mean: float
    half_width: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.half_width:.2f}" if self.n > 1 else f"{self.mean:.2f}"

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.n > 1 and abs(self.mean) > self.half_width


def t_quantile(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t.

    Parameters
    ----------
    degrees : int, 1..
        Degrees of freedom.

    Notes
    -----
    Tabulated to 10, then the Cornish-Fisher expansion around the normal quantile (Abramowitz and Stegun 26.7.5).

    Examples
    --------
    >>> round(t_quantile(7), 3), round(t_quantile(23), 3)
    (2.365, 2.069)
    """
    if degrees <= len(_T95):
        return _T95[degrees - 1]
    z = NormalDist().inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum((term / float(degrees ** (k + 1)) for k, term in enumerate(terms)), 0.0)


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean of some values with its 95 % interval.

    Examples
    --------
    >>> print(mean_interval([1.0, 2.0, 3.0]))
    2.00 ± 2.48
    """
    n = len(values)
    if n < 2:
        return Interval(values[0] if values else math.nan, math.nan, n)
    return Interval(fmean(values), t_quantile(n - 1) * stdev(values) / math.sqrt(n), n)


def paired_interval(values: Sequence[float], base: Sequence[float]) -> Interval:
    """Mean difference of values that belong together, such as two policies under the same seed.

    Examples
    --------
    >>> print(paired_interval([3.0, 5.0, 4.5], [1.0, 3.5, 2.0]))
    2.00 ± 1.24
    """
    return mean_interval([a - b for a, b in zip(values, base, strict=True)])
