"""Names that are not ours (of classes, images) as plain text in what is read: they may hold anything."""

import re


def on_one_line(name: str) -> str:
    """Return a name on one line: a space for whatever is no letter or mark of its own, such as a line's end.

    Parameters
    ----------
    name
        As it was given.
    """
    return "".join(letter if letter.isprintable() else " " for letter in name)


def as_code(name: str) -> str:
    """Return a name for a page of Markdown, in which none of its letters then means anything.

    Parameters
    ----------
    name
        As it was given.
    """
    fence = "`" * (1 + max(map(len, re.findall("`+", name)), default=0))
    apart = " " if name.startswith("`") or name.endswith("`") else ""
    return f"{fence}{apart}{on_one_line(name)}{apart}{fence}"
