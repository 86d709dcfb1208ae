"""Values and messages cut to a length that people read, whatever file they come from."""

from __future__ import annotations

import reprlib

MESSAGE = 4000
"""Characters of an error message; whatever is longer quotes a file at length."""
VALUE = 200
"""Characters of a value that a message quotes."""


def abridged(text: str, most: int = MESSAGE) -> str:
    """`text`, or its beginning and its length if it has more than `most` characters."""
    if len(text) <= most:
        return text
    return f"{text[:most]} … ({len(text)} characters in all)"


def excerpt(value: object) -> str:
    """`repr(value)`, of which at most `VALUE` characters are kept.

    Large and deeply nested values are not walked through: the time does not depend on their size.
    """
    return abridged(_SHORT.repr(value), VALUE)


class _Short(reprlib.Repr):
    """Numbers, too, have no more digits than people read."""

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write numbers of thousands of digits.
        return super().repr_int(x, level) if x.bit_length() < 1024 else "a number of >300 digits"


_SHORT = _Short()
_SHORT.maxlevel = 4
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = 12
_SHORT.maxstring = _SHORT.maxother = VALUE
_SHORT.maxlong = 320
