"""Keep untrusted text from controlling the terminal.

Names of files, classes and models may hold control characters. A terminal obeys them: they move the
cursor, hide lines, set its title, and in some terminals do worse. `printable` shows them as escapes
instead. Commands run within `printable_streams`, so that everything printed, logged or raised goes
through it. Tables with colours are printed to `console()`, which bypasses it, so each of their
cells must be a `cell()`.
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
"""Unicode categories: control and format characters (such as those that reverse the writing
direction), lone surrogates, separators of lines and paragraphs."""
_JOINERS = "\u200c\u200d"
"""Format characters that Persian, Indic scripts and emoji need."""


def printable(text: object, keep: str = "") -> str:
    """Text with escapes such as `\\x1b` instead of characters that a terminal would obey.

    Args:
        text: anything; objects other than strings are converted with `str`.
        keep: characters to keep, such as one's own line feeds.
    """
    text = str(text)
    if text.isprintable():  # the usual case
        return text
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if unicodedata.category(letter) in _COMMANDS and letter not in _JOINERS + keep
        else letter
        for letter in text
    )


def json_text(content: object, **options: Any) -> str:
    """JSON with letters unescaped, and with escapes for characters that a terminal would obey.

    Args:
        content: anything that `json.dumps` takes.
        options: options for `json.dumps`.
    """
    text = json.dumps(content, ensure_ascii=False, **options)
    if text.isprintable():
        return text
    return "".join(
        json.dumps(letter)[1:-1] if letter != "\n" and printable(letter) != letter else letter
        for letter in text
    )


class PrintableStream:
    """A text stream that writes `printable` text, with escapes for letters not in its encoding.

    Args:
        raw: the stream to write to; it handles everything except writing.
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
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def raw(stream: TextIO) -> TextIO:
    """The stream behind a `PrintableStream`, or the stream itself."""
    return stream.raw if isinstance(stream, PrintableStream) else stream


def guarded(stream: TextIO) -> TextIO:
    """The stream, limited to printable text; None (a program without a console) stays None."""
    if stream is None or isinstance(stream, PrintableStream):
        return stream
    return cast(TextIO, PrintableStream(stream))


@contextmanager
def printable_streams() -> Iterator[None]:
    """Limit standard output and standard error to printable text within this block.

    After an exception they stay limited, because Python prints its traceback later.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(guarded, before)
    yield
    sys.stdout, sys.stderr = before


@contextmanager
def raw_streams() -> Iterator[None]:
    """Restore the raw streams within this block, so that another library can draw its bars."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(raw, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def console(**options: Any) -> Console:
    """Standard output with colours, for tables of `cell()` and our own text."""
    from rich.console import Console

    return Console(file=raw(sys.stdout), emoji=False, **options)


def cell(text: object) -> Text:
    """Untrusted text for `console()`: printable, on one line, without markup."""
    from rich.text import Text

    return Text(printable(text))
