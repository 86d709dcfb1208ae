"""What the reference reads in docstrings: the heading `Example:`, too, begins lines of Python."""

from __future__ import annotations

import re
from typing import Any

import griffe

HEADING = re.compile(r"^Example:$", re.MULTILINE)
SKIPPED = re.compile(r" *# doctest: \+SKIP$", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Corrects docstrings before they are parsed."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called with each module, class, function and attribute that was read."""
        if obj.docstring:
            text = HEADING.sub("Examples:", obj.docstring.value)
            obj.docstring.value = SKIPPED.sub("", text)
