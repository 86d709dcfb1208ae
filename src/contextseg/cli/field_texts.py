"""What stands below each field of a dataclass: the help of its option."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise


def field_texts(cls: type) -> dict[str, str]:
    """The string below each annotated field of `cls` and its bases, on one line.

    Python itself does not keep these strings, so they are read from the source.
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
