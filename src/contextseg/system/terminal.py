"""What a terminal shows of text from elsewhere: names in files must not command it.

Names of files, classes and models may hold control characters. A terminal obeys them: they move the
cursor, hide lines, set its title, and in some terminals do worse. `printable` shows them as escapes
instead. A command runs within `printable_streams`, so that whatever is printed, logged or raised
goes through it; a table with colours is printed to `console()`, which does not, so each of its
cells is a `cell()`.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_COMMANDS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control and format characters (such as those that reverse the direction of
writing), lone surrogates, separators of lines and paragraphs."""
_JOINERS = "\u200c\u200d"
"""Format characters that Persian, Indic scripts and emoji are written with."""


def printable(text: object, keep: str = "") -> str:
    """Text with escapes such as `\\x1b` in the place of what a terminal would obey.

    Args:
        text: anything; objects other than strings are converted with `str`.
        keep: characters to leave as they are, such as the line feeds of one's own.
    """
    text = str(text)
    if text.isprintable():  # holds none of them: the usual case
        return text
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if unicodedata.category(letter) in _COMMANDS and letter not in _JOINERS + keep
        else letter
        for letter in text
    )


def json_text(content: object, **options: Any) -> str:
    """JSON in which letters stand as they are, and what a terminal would obey as escapes.

    Args:
        content: what `json.dumps` takes.
        options: those of `json.dumps`.
    """
    text = json.dumps(content, ensure_ascii=False, **options)
    if text.isprintable():
        return text
    return "".join(
        json.dumps(letter)[1:-1] if letter != "\n" and printable(letter) != letter else letter
        for letter in text
    )


class PrintableStream:
    """A text stream that takes lines of `printable` text, in its encoding or as escapes.

    Args:
        raw: the stream to write to; everything but `write` is its own.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write text; returns its length."""
        shown = printable(text, keep="\n")
        encoding = getattr(self.raw, "encoding", None) or "utf-8"
        self.raw.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of some texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def raw(stream: TextIO) -> TextIO:
    """The stream behind a `PrintableStream`, or the stream itself."""
    return stream.raw if isinstance(stream, PrintableStream) else stream


def guarded(stream: TextIO) -> TextIO:
    """The stream as one that takes printable text only; None, as without a console, stays None."""
    if stream is None or isinstance(stream, PrintableStream):
        return stream
    return cast(TextIO, PrintableStream(stream))


@contextmanager
def printable_streams() -> Iterator[None]:
    """Within this block, standard output and standard error take printable text only.

    They stay so after an exception that ends the block, whose traceback Python prints later.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(guarded, before)
    yield
    sys.stdout, sys.stderr = before


@contextmanager
def raw_streams() -> Iterator[None]:
    """Within this block, the bars of another library can move."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(raw, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def console(**options: Any) -> Console:
    """Standard output with colours, for tables of `cell` and text of our own."""
    from rich.console import Console

    return Console(file=raw(sys.stdout), emoji=False, **options)


def cell(text: object) -> Text:
    """Text from elsewhere for `console()`: printable, in one line, and no markup in it."""
    from rich.text import Text

    return Text(printable(text))
