"""What `--help` says of the options of every command."""

from __future__ import annotations

import argparse

import pytest

from contextseg.cli.__main__ import main

COMMANDS = [
    "demo", "compare", "evaluate", "calibrate", "predict", "predict a.mp4", "batch", "explore",
    "annotate", "data check", "data init", "data import", "data export", "data pack", "submit",
    "convert", "export", "benchmark", "models", "models info", "doctor",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_defaults_are_told_in_one_way(command, monkeypatch):
    """(default: X), for each option that has a default and is not a switch."""
    parsers = []

    def print_help(parser, file=None):
        parsers.append(parser)

    monkeypatch.setattr(argparse.ArgumentParser, "print_help", print_help)
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    (parser,) = parsers
    options = [action for action in parser._actions if action.option_strings]
    assert [action.option_strings[-1] for action in options if not action.help] == []
    silent = [
        action.option_strings[-1]
        for action in options
        if action.nargs != 0 and action.default not in (None, "", (), [], argparse.SUPPRESS)
        if not any(word in action.help for word in ("default:", "(default)", "auto uses"))
    ]
    assert silent == []
