"""Skeleton of a page that needs no network, and text that cannot break it."""

from __future__ import annotations

import html
from importlib.resources import files


def escape(text: object) -> str:
    """`text` as it may stand between tags and inside quoted attributes."""
    return html.escape(str(text), quote=True)


def page(title: str, body: str) -> str:
    """A whole HTML document, style included.

    Args:
        title: plain text of the browser's tab.
        body: HTML.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{_style()}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def standalone(figure: str) -> str:
    """The drawing of a chart as an SVG file of its own, style included.

    Args:
        figure: a chart as HTML, with one `<svg>` in it.
    """
    start, end = figure.index("<svg ") + len("<svg "), figure.index("</svg>")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" {figure[start:end]}'
        f"<style>\n{_style()}</style>\n</svg>\n"
    )


def _style() -> str:
    return files("contextseg.report").joinpath("style.css").read_text(encoding="utf-8")


def section(heading: str, content: str, note: str = "") -> str:
    """A part of the page under a heading; empty where there is no content.

    Args:
        heading: plain text.
        content: HTML.
        note: plain text under the heading.
    """
    if not content:
        return ""
    below = f'<p class="note">{escape(note)}</p>\n' if note else ""
    return f"<section>\n<h2>{escape(heading)}</h2>\n{below}{content}\n</section>"


def swatch(color: tuple[int, int, int]) -> str:
    """A small square of a colour (red, green, blue, each 0 to 255)."""
    red, green, blue = map(int, color)
    return f'<i class="swatch" style="background:rgb({red},{green},{blue})"></i>'
