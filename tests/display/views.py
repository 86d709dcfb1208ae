"""What holds for every view in a notebook."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202e\"'&"
"""A name that tries to be a tag, to clear the terminal and to turn the text around."""
VOID = {"br", "hr", "img", "line", "polyline"}
KNOWN = {"div", "span", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "i", "b", "style",
         "figure", "figcaption", "svg", "text", *VOID}  # fmt: skip


class Reader(HTMLParser):
    """Asserts that tags are known and nest, and that nothing is fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("href", "srcset"), name
            if name == "src":
                assert value is not None
                assert value.startswith("data:image/")
                self.images.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)


def read(html: str, most: int = 300_000) -> Reader:
    """The view, after checks of what must hold for each: safe, bounded, no colour of its own."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    assert len(html) < most
    plain = " ".join(reader.texts)
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "url(" not in html
    assert "http" not in html
    styles = re.findall(r'style="([^"]*)"', html) + re.findall(r"<style>(.*?)</style>", html)
    for style in styles:  # text takes the colour of the notebook, which may be light or dark
        assert set(re.findall(r"(?<![-\w])color:\s*([^;}]+)", style)) <= {"inherit"}
    assert plain.strip()
    return reader


def text_of(html: str) -> str:
    """The text that a reader sees, on one line."""
    return " ".join(" ".join(read(html).texts).split())
