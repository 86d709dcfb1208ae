"""Letters of all scripts come out as letters, of this font or that, or as others like them."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import features

from contextseg.system import fonts
from contextseg.system.fonts import ascii_likeness, drawable


@pytest.fixture
def bare(monkeypatch):
    """A machine without fonts."""
    monkeypatch.setattr(fonts, "USUAL", ())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    fonts._font_with.cache_clear()
    yield
    fonts._font_with.cache_clear()


@pytest.fixture
def dejavu() -> Path:
    matplotlib = pytest.importorskip("matplotlib")
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def boxes(font) -> set[bytes]:
    return {bytes(font.getmask(letter)) for letter in "\uffff\U0010fffe"}


@pytest.mark.parametrize("text", ["é ü ß", "Ωμέγα", "дорога", "Łódź", "Xe\u0301", "a\u202fb"])
def test_a_font_of_the_machine_has_the_letters(dejavu, text):
    found = drawable(text, 16, "class 3")
    assert len(found.text) <= len(text)
    assert all(bytes(found.font.getmask(c)) not in boxes(found.font) for c in found.text if c > " ")
    assert found.font.getlength(found.text) > 10
    assert found.text != "class 3"


@pytest.mark.skipif(not features.check("raqm"), reason="PIL without a library for Arabic")
def test_arabic_letters_are_joined(dejavu):
    found = drawable("طريق", 16, "class 3")
    assert found.text == "طريق"
    apart = sum(found.font.getlength(letter) for letter in found.text)
    assert found.font.getlength(found.text) < apart


def test_arabic_without_joining_is_not_drawn(dejavu, monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    fonts._font_with.cache_clear()
    assert drawable("طريق", 16, "class 3").text == "class 3"
    fonts._font_with.cache_clear()


def test_ascii_needs_no_font_of_the_machine(bare):
    assert drawable("car [red] 3", 16, "class 3").text == "car [red] 3"
    assert drawable("a\x1b[2J\nb", 16, "class 3").text == "a\\x1b[2J\\nb"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Straße", "Strasse"),
        ("été à Łódź", "ete a Lodz"),
        ("ﬁne Ⅳ", "fine IV"),
        ("дорога", "class 3"),
        ("道路 car", "class 3"),
        ("طريق", "class 3"),
        ("🚗", "class 3"),
    ],
)
def test_without_a_font_other_letters_stand_for_them(text, shown):
    assert drawable(text, 16, "class 3").text == shown
    assert shown == "class 3" or ascii_likeness(text) == shown


def test_fontconfig_is_asked_and_not_trusted(bare, dejavu, monkeypatch, tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    commands = []

    def answer(command, **options):
        commands.append(command)
        lines = f"{tmp_path / 'broken.ttf'}|0\nnonsense\n{dejavu}|0\n"
        return SimpleNamespace(stdout=lines.encode())

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", answer)
    assert drawable("дом", 16, "class 3").text == "дом"
    assert commands[0][-1] == "sans:charset=434 43c 43e"
    assert drawable("道", 16, "class 3").text == "class 3"  # DejaVu Sans lacks it, whatever is said

    def late(command, **options):
        raise subprocess.TimeoutExpired(command, 20)

    monkeypatch.setattr(subprocess, "run", late)
    assert drawable("мод дом", 16, "class 3").text == "class 3"
