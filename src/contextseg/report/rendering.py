"""The templates of pages: whatever text is put into one of HTML is escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from contextseg.report.formatting import percent
from contextseg.system.terminal import printable

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **content: object) -> Markup:
    """A template of `report/templates` with its content, which other templates take unchanged.

    Raises:
        jinja2.UndefinedError: the template asks for something that `content` does not have.
    """
    return Markup(_environment().get_template(template).render(content))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("contextseg.report"),
        autoescape=lambda name: not str(name).endswith(".md"),
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "px": "{:.1f}".format, "line": markdown_line}
    return environment


def _shown(value: object) -> object:
    """Text without control characters: an SVG file could not be parsed, a terminal obeys them."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, keep="\n")
    return value


def markdown_line(text: object) -> str:
    """Plain text as one line of Markdown that no page takes for a tag."""
    return printable(" ".join(str(text).replace("<", "&lt;").split()))
