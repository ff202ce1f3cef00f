"""What every policy is: a frozen row with a name, refused when its fields contradict each other."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, ClassVar, Self

from ..errors import PolicyError
from ..nearest import meant

__all__ = ["PolicyRow"]


class PolicyRow:
    """Base of the frozen dataclasses of policies: their checks, and `replace`."""

    kernels: ClassVar[tuple[str, ...]]  # the versions of Linux that it is a policy of
    allowed: ClassVar[Mapping[str, tuple[Any, ...]]]  # words of a field, or its least and greatest value
    texts: ClassVar[tuple[str, ...]] = ("name", "source", "rule")

    name: str

    def _check_fields(self) -> None:
        """Refuse a field of the wrong type or out of range; (0, 1) are the values of a switch."""
        flags = [field for field, allowed in self.allowed.items() if allowed == (0, 1)]
        for text in self.texts:
            if not isinstance(getattr(self, text), str):
                raise self._error(f"{text}={getattr(self, text)!r}: a text is wanted")
        for flag in flags:
            if not isinstance(getattr(self, flag), bool):
                raise self._error(f"{flag}={getattr(self, flag)!r}: True or False is wanted")
        for field, allowed in self.allowed.items():
            if field not in flags:
                self._check_allowed(field, allowed)

    def _error(self, message: str) -> PolicyError:
        return PolicyError(f"policy {self.name!r}: {message}")

    def _check_allowed(self, field: str, allowed: tuple[Any, ...]) -> None:
        """Refuse what is not one of the words, or not a number from the first to the second."""
        value = getattr(self, field)
        if isinstance(allowed[0], str):
            if value not in allowed:
                raise self._error(f"{field}={value!r}: allowed are {', '.join(allowed)}")
        elif not isinstance(value, int) or isinstance(value, bool) or not allowed[0] <= value <= allowed[1]:
            raise self._error(f"{field}={value!r}: allowed range is {allowed[0]}..{allowed[1]}")

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values.

        Parameters
        ----------
        **changes
            Fields and their new values.

        Raises
        ------
        PolicyError
            If a field does not exist or the result contradicts itself.

        Examples
        --------
        >>> from buddycap import POLICIES
        >>> POLICIES["v3"].replace(batches=3)
        Traceback (most recent call last):
            ...
        buddycap.errors.PolicyError: policy 'v3': unknown field 'batches'; did you mean 'batch'?
        """
        known = [field.name for field in fields(self)]  # type: ignore[arg-type]
        for name in changes:
            if name not in known:
                raise self._error(f"unknown field {name!r}; {meant(name, known)}")
        return replace(self, **changes)  # type: ignore[type-var]
