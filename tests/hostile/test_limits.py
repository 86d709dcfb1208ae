"""Hostile files end in one message, within 20 seconds and 1 GB, and run no code."""

from __future__ import annotations

import pytest

from tests.hostile.corpus import CORPUS, RAN, outcomes
from tests.limited import needs_linux


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("room", CORPUS)
def test_a_file_is_refused_in_one_message(room, tmp_path):
    found, reason = outcomes(room, tmp_path)
    assert not reason
    assert found
    wrong = [
        (each.name, each.command, each.code, round(each.seconds, 1), each.said[-800:])
        for each in found
        if not each.is_fair
    ]
    assert not wrong, "\n\n".join(map(str, wrong))
    assert not (tmp_path / RAN).exists()
