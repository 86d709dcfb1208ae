"""Docstrings of dataclass fields, which serve as the help of their options."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise


def field_texts(cls: type) -> dict[str, str]:
    """The docstring below each annotated field of `cls` and its bases, as one line.

    Python discards these strings, so they are read from the source.
    """
    texts = {}
    for base in reversed(cls.__mro__[:-1]):  # all but object
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        for field, below in pairwise(definition.body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[name] = " ".join(text.split())
    return texts
