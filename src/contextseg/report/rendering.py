"""Render the templates of pages; text in HTML templates is escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from contextseg.report.formatting import percent
from contextseg.system.terminal import printable

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **content: object) -> Markup:
    """Fill in a template from `report/templates`; other templates include the result unescaped.

    Raises:
        jinja2.UndefinedError: the template uses a name that is not in `content`.
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
    """Text without control characters: they break SVG files, and terminals obey them."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, keep="\n")
    return value


def markdown_line(text: object) -> str:
    """Plain text as one line of Markdown, without anything that HTML could take for a tag."""
    return printable(" ".join(str(text).replace("<", "&lt;").split()))
