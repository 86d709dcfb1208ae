"""The log messages that commands print."""

from __future__ import annotations

import logging

from contextseg.cli.messages import show_messages


def test_messages_of_the_hub_are_left_to_its_own_handler(monkeypatch, capsys):
    """It prints each retry without a network itself; both together told it twice."""
    from huggingface_hub.utils import logging as hub

    assert logging.getLogger(hub.__name__.partition(".")[0]).handlers
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as a command finds them
    show_messages()
    (ours,) = logging.getLogger().handlers
    for name in ("huggingface_hub.utils", "contextseg.x"):
        ours.handle(logging.LogRecord(name, logging.WARNING, "", 1, f"of {name}", (), None))
    assert capsys.readouterr().err == "of contextseg.x\n"
