"""The short form of options: those that differ from their defaults."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

WIDTH = 100
"""Characters of a line; longer forms have a line for each option."""


def changed_options(self: Any) -> str:
    """A config as Python that makes it again, without what its defaults say.

    It is the `repr` of every config. `contextseg.config.io.to_yaml` lists all options.
    """
    changed = [
        f"{field.name}={getattr(self, field.name)!r}"
        for field in fields(self)
        if getattr(self, field.name) != _default(field)
    ]
    name = type(self).__name__
    line = f"{name}({', '.join(changed)})"
    if len(line) <= WIDTH:
        return line
    indented = (option.replace("\n", "\n    ") for option in changed)
    return f"{name}(\n" + "".join(f"    {option},\n" for option in indented) + ")"


def _default(field: Field[Any]) -> Any:
    """The default of a field; MISSING if it has none."""
    return field.default if field.default_factory is MISSING else field.default_factory()
