"""Pictures shown in a notebook, in a window, or as a file."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image, ImageShow

from contextseg.system import showing

PICTURE = Image.new("RGB", (8, 6), (10, 20, 30))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A process that is the kernel of a notebook; what it displays."""
    shown: list[object] = []
    shell = SimpleNamespace(kernel=object())
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=shown.append))
    return shown


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What windows were opened with; nobody opens a real one."""
    opened: list[object] = []

    def show(image, title=None):
        opened.append(image)
        return True

    monkeypatch.setattr(ImageShow, "show", show)
    return opened


def test_a_notebook_displays(notebook, windows, capsys):
    assert showing.in_notebook()
    showing.show_picture(PICTURE, "a")
    assert notebook == [PICTURE]
    assert windows == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", [None, SimpleNamespace()])
def test_an_ipython_terminal_is_no_notebook(monkeypatch, shell):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert not showing.in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not showing.in_notebook()


def test_a_display_gets_a_window(monkeypatch, windows):
    monkeypatch.setattr(showing, "has_display", lambda: True)
    showing.show_picture(PICTURE, "a")
    assert windows == [PICTURE]


@pytest.mark.parametrize("display", [True, False])
def test_without_a_window_the_picture_is_a_file(monkeypatch, capsys, display):
    monkeypatch.setattr(showing, "has_display", lambda: display)
    monkeypatch.setattr(ImageShow, "show", lambda image, title=None: False)  # no viewer either
    showing.show_picture(PICTURE, "street")
    path = Path(capsys.readouterr().out.strip())
    assert path.name.startswith("street-")
    with Image.open(path) as image:
        assert image.tobytes() == PICTURE.tobytes()
    path.unlink()


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "1"}, False),
        ("win32", {}, True),
    ],
)
def test_where_a_window_would_be_seen(monkeypatch, platform, environment, expected):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(showing.sys, "platform", platform)
    assert showing.has_display() is expected
