"""Text from elsewhere is shown, and never obeyed."""

from __future__ import annotations

import io
import json
import sys

import pytest

from contextseg.system.terminal import (
    PrintableStream,
    cell,
    console,
    json_text,
    printable,
    printable_streams,
    raw_streams,
)

COMMANDS = {
    "a\x1b[2Jb": "a\\x1b[2Jb",  # clears the screen
    "a\x1b]0;title\x07b": "a\\x1b]0;title\\x07b",
    "a\rb": "a\\rb",
    "a\nb": "a\\nb",
    "a\x9b2Jb": "a\\x9b2Jb",  # the same as the first in one character of 8 bits
    "a\u202eb": "a\\u202eb",  # writes from right to left
    "a\u2066b": "a\\u2066b",
    "a\u2028b": "a\\u2028b",
    "a\U000e0041b": "a\\U000e0041b",
    "a\udcffb": "a\\udcffb",  # a byte of a file name that is no UTF-8
}
LETTERS = [
    "Straße 日本",
    "C:\\new\\x1b",
    "نمی\u200cخواهم",
    "👩\u200d🔬",
    "10.30\u202fAM",
    "[red]:car:",
]


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_terminal_obeys_is_an_escape(name):
    assert printable(name) == COMMANDS[name]
    assert json.loads(json_text({name: [name]}, indent=1)) == {name: [name]}
    assert name not in json_text([name])


@pytest.mark.parametrize("name", LETTERS)
def test_letters_stay_as_they_are(name):
    assert printable(name) == name
    assert json_text([name]) == json.dumps([name], ensure_ascii=False)


def test_streams_keep_lines_and_take_letters_that_their_encoding_lacks():
    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream = PrintableStream(raw)
    print("one\x1b[1m\ntwo Ω", file=stream, flush=True)
    assert raw.buffer.getvalue() == b"one\\x1b[1m\ntwo \\u03a9\n"
    assert stream.encoding == "ascii"


def test_all_that_a_block_prints_is_printable_but_tables_keep_their_colours(monkeypatch):
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with printable_streams():
        print("\x1b[2J")
        print("\x1b[2J", file=sys.stderr)
        with printable_streams():  # no escapes of escapes
            console(force_terminal=True, color_system="standard").print(
                cell("[red]\x1b[2J :car:"), style="red"
            )
        with raw_streams():
            print("\r", end="", file=sys.stderr)
        print("\x1b", file=sys.stderr)
    assert sys.stdout is out
    assert out.getvalue() == "\\x1b[2J\n\x1b[31m[red]\\x1b[2J :car:\x1b[0m\n"
    assert err.getvalue() == "\\x1b[2J\n\r\\x1b\n"


def test_the_message_of_a_bug_is_printable_too(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(ZeroDivisionError), printable_streams():
        raise ZeroDivisionError
    sys.stderr.write("\x1b")  # as Python prints the traceback
    assert sys.stderr.getvalue() == "\\x1b"  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setattr(sys, "stderr", None)  # pythonw has none
    with printable_streams():
        print("nobody hears this", file=sys.stderr)
