"""`contextseg doctor`: what it prints, and how it ends."""

from __future__ import annotations

import json

import pytest

from contextseg.cli import doctor
from contextseg.cli.__main__ import main
from contextseg.doctor import Examination, Finding

FINDINGS = (
    Finding(section="packages", name="torch", said="2.15.0", details={"version": "2.15.0"}),
    Finding(
        section="packages",
        name="opencv-python-headless",
        state="note",
        said="4.1 is too old (needs >=4.11)",
        command='uv pip install "opencv-python-headless>=4.11"',
    ),
    Finding(
        section="extras",
        name="mlflow",
        state="missing",
        said="alembic missing, mlflow-skinny missing, sqlalchemy missing, and what train has",
        command='uv pip install "alembic>=1.13" "mlflow-skinny>=3.10" "sqlalchemy>=2.0"',
    ),
    Finding(section="folders", name="cache\x1b", said="/a/folder", advice="words " * 30),
)


@pytest.fixture
def found(monkeypatch):
    """Findings of the examination, to be changed."""
    findings = list(FINDINGS)
    monkeypatch.setattr(doctor, "examine", lambda: Examination(tuple(findings)))
    return findings


def test_lines_fit_the_screen_and_commands_stay_whole(found, capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "  torch                   2.15.0" in lines
    assert "! opencv-python-headless  4.1 is too old (needs >=4.11)" in lines
    assert any(line.strip() == FINDINGS[2].command for line in lines)
    assert "cache\\x1b" in out
    assert lines[-2:] == ["- is optional, ! is worth a look.", "Predictions run here."]


def test_what_is_broken_is_the_exit_code(found, capsys):
    found.append(Finding(section="prediction", name="prediction", state="broken", said="no."))
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "X prediction              no." in lines
    assert lines[-1] == "Predictions cannot run here."


def test_as_json(found, capsys):
    assert main(["doctor", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["healthy"] is True
    assert [each["name"] for each in content["findings"]] == [each.name for each in FINDINGS]
    assert content["findings"][0]["details"] == {"version": "2.15.0"}


@pytest.mark.slow
def test_the_real_examination(capsys):
    assert main(["doctor"]) == 0
    assert "Predictions run here." in capsys.readouterr().out
