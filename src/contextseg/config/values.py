"""Check option values against the types of their fields, and describe these types in words."""

from __future__ import annotations

import math
import types
from contextlib import suppress
from typing import Any, Literal, Union, get_args, get_origin

from contextseg.system.excerpts import excerpt

INTEGER_BITS = 63
"""Whole numbers beyond these fit into nothing that options are used for."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_PLURALS = {int: "whole numbers", float: "numbers", str: "texts"}


def as_type(value: Any, hint: Any) -> Any:
    """`value` as an instance of the type `hint`: a list becomes a tuple, 1 becomes 1.0.

    Args:
        value: as YAML or JSON reads it.
        hint: `int`, `float`, `bool`, `str`, `None`, a `Literal` of texts, or a tuple or union of
            these.

    Raises:
        TypeError: `value` does not fit. Numbers must be finite, whole numbers have at most 64 bits,
            and True is not a number.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
        pass
    elif origin in (Union, types.UnionType):
        for member in arguments:
            with suppress(TypeError):
                return as_type(value, member)
    elif origin is Literal:
        if type(value) is str and value in arguments:
            return value
    elif origin is tuple:
        if isinstance(value, list | tuple):
            members = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
            if len(members) == len(value):
                return tuple(map(as_type, value, members))
    elif hint is float:
        if type(value) in (int, float) and math.isfinite(value):
            return float(value)
    elif type(value) is hint:
        return value
    raise TypeError(f"{excerpt(value)} is not {described(hint)}")


def described(hint: Any) -> str:
    """The type `hint` in words: "a whole number or null" for `int | None`."""
    if hint is None or hint is types.NoneType:
        return "null"
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        listed = ", ".join(map(repr, arguments))
        return f"one of {listed}" if len(arguments) > 1 else listed
    if origin in (Union, types.UnionType):
        return " or ".join(map(described, arguments))
    if origin is tuple:
        count = "" if arguments[-1] is Ellipsis else f"{len(arguments)} "
        if get_origin(arguments[0]) is Literal:
            return f"a list of {count}{' or '.join(map(repr, get_args(arguments[0])))}"
        return f"a list of {count}{_PLURALS[arguments[0]]}"
    return _WORDS[hint]
