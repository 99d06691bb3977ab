"""Numbers as a reader sees them: with a true minus sign, with their interval, p-values no smaller than can be told."""

from typing import Any, TypeGuard

MINUS = "−"


def defined(value: float | None) -> TypeGuard[float]:
    """Return whether there is a number at all."""
    return value is not None and value == value


def plain(value: float, digits: int = 2) -> str:
    """Return a number as a sentence has it: 0.31, −0.04.

    Parameters
    ----------
    value
        The number.
    digits
        After the point.
    """
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)  # + 0.0: no minus before a zero


def signed(value: float, digits: int = 3) -> str:
    """Return a number as a table has it, its sign told whatever it is: +0.310, −0.038.

    Parameters
    ----------
    value
        The number.
    digits
        After the point.
    """
    return f"{value:+.{digits}f}".replace("-", MINUS)


def with_interval(value: float, ends: tuple[float, float], *, digits: int = 2) -> str:
    """Return a number with its interval, +0.31 [+0.25, +0.37].

    Parameters
    ----------
    value, ends
        The number, and those of the interval.
    digits
        After the point.
    """
    return f"{signed(value, digits)} [{signed(ends[0], digits)}, {signed(ends[1], digits)}]"


def interval(told: dict[str, Any], digits: int = 3) -> str:
    """Return a value with its interval, +0.310 [+0.246, +0.374], or that it is not defined.

    Parameters
    ----------
    told
        value, ci_low and ci_high.
    digits
        After the point.
    """
    if not defined(told["value"]):
        return "not defined"
    return with_interval(told["value"], (told["ci_low"], told["ci_high"]), digits=digits)


def p_value(value: float) -> str:
    """Return a p-value with what stands before it: = 0.25, or < 0.001."""
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"
