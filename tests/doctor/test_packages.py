"""Packages that are fine, old, missing or broken, and the commands that mend it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import pytest
from packaging.requirements import Requirement

from contextseg.doctor import packages
from contextseg.doctor.packages import CORE, module_of, needed, within
from contextseg.doctor.trials import trials

BROKEN = {
    "pkgraises": "raise RuntimeError('two\\nlines')",
    "pkgexits": "raise SystemExit(3)",
    "pkgdies": "import os; os._exit(7)",
    "pkgtalks": "print('hello'); __version__ = '4.5'",
}
FINE = {"pkgfine": ("1.5", ""), "pkgold": ("1.5", ""), "pkg_dash": ("2.0rc1", "")}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of packages on the path."""
    for name, code in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(code)
    for name, (version, code) in FINE.items():
        (tmp_path / f"{name}.py").write_text(code)
        about = tmp_path / f"{name}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return tmp_path


def requires(monkeypatch, **extras: list[str]) -> None:
    """Pretend what contextseg requires; `core` is what every installation needs."""
    found = {CORE: extras.pop("core", []), **extras}
    parsed = {extra: list(map(Requirement, several)) for extra, several in found.items()}
    monkeypatch.setattr(packages, "needed", lambda: parsed)


def test_an_import_that_raises_exits_or_crashes_is_told_and_the_others_go_on(site):
    found = trials([*BROKEN, *FINE])
    assert found["pkgraises"].error == "RuntimeError: two lines"
    assert found["pkgexits"].error == "SystemExit: 3"
    assert found["pkgdies"].error == "the import ended Python: exit code 7"
    assert found["pkgtalks"] == ("", "4.5")
    assert not any(found[name].error for name in FINE)
    assert not {*BROKEN, *FINE} & set(sys.modules)


def test_an_import_that_hangs_is_ended(site):
    (site / "pkghangs.py").write_text("import time; time.sleep(600)")
    found = trials(["pkghangs"], seconds=0.5)
    assert found["pkghangs"].error == "the import ended Python: no end after 0.5 s"


def test_ctrl_c_ends_the_process_and_leaves_no_timer_to_wait_for(site, monkeypatch):
    started = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    def interrupted(line: bytes) -> None:
        raise KeyboardInterrupt

    (site / "pkghangs.py").write_text("import time; time.sleep(600)")
    monkeypatch.setattr(subprocess, "Popen", Noted)
    monkeypatch.setattr(json, "loads", interrupted)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        trials(["pkghangs"], seconds=30)
    assert [each.returncode for each in started] != [None]
    for thread in set(threading.enumerate()) - {threading.current_thread()}:
        thread.join(5 if isinstance(thread, threading.Timer) else 0)
    assert threading.active_count() == before


def test_what_every_installation_needs(site, monkeypatch):
    core = ["pkgfine>=1.5", "pkgold>=2", "pkgraises>=1", "pkgnone>=3.1", "pkg-dash>=1"]
    requires(monkeypatch, core=core)
    found = {finding.name: finding for finding in packages.packages()}
    assert (found["pkgfine"].state, found["pkgfine"].said) == ("fine", "1.5")
    assert (found["pkg-dash"].state, found["pkg-dash"].said) == ("fine", "2.0rc1")
    # It may still work, which the prediction finds out.
    assert (found["pkgold"].state, found["pkgold"].said) == ("note", "1.5 is too old (needs >=2)")
    assert found["pkgold"].command.endswith('pip install "pkgold>=2"')
    assert found["pkgraises"].state == "broken"
    assert "cannot be imported (RuntimeError: two lines)" in found["pkgraises"].said
    assert found["pkgraises"].command.endswith('pip install --force-reinstall "pkgraises>=1"')
    assert (found["pkgnone"].state, found["pkgnone"].said) == ("broken", "missing")
    assert found["pkgnone"].command.endswith('pip install "pkgnone>=3.1"')
    assert found["Python"].said.startswith(".".join(map(str, sys.version_info[:3])))


def test_an_extra_is_a_line_and_does_not_repeat_another(site, monkeypatch):
    requires(
        monkeypatch,
        small=["pkgfine>=1"],
        large=["pkgfine>=1", "pkgnone[x,a]>=2; python_version>'3'"],
        none=["pkgnone", "pkgother<5,>=1"],
        talks=["pkgtalks>=4", "pkgdies"],
    )
    found = {finding.name: finding for finding in packages.packages()}
    assert (found["small"].state, found["small"].said) == ("fine", "pkgfine 1.5")
    assert (found["large"].state, found["large"].said) == (
        "missing",
        "pkgnone missing, and what small has",
    )
    assert found["large"].command.endswith('pip install "pkgnone[a,x]>=2"')
    assert found["none"].command.endswith('pip install "pkgnone" "pkgother<5,>=1"')
    assert found["talks"].state == "note"  # no metadata, as of opencv-python: its own version
    assert found["talks"].said.startswith("pkgtalks 4.5, pkgdies of unknown version cannot be")
    assert found["talks"].details["pkgtalks"] == {"version": "4.5", "trouble": ""}


@pytest.mark.parametrize(
    ("has_pip", "command"), [(True, 'pip install "pkgnone"'), (False, 'uv pip install "pkgnone"')]
)
def test_the_command_is_one_that_is_there(monkeypatch, has_pip, command):
    requires(monkeypatch, core=["pkgnone"])
    monkeypatch.setattr(
        packages, "find_spec", lambda name: True if name == "pip" and has_pip else None
    )
    *_, finding = packages.packages()
    assert finding.command == command


@pytest.mark.parametrize(
    ("version", "advice"),
    [("", "It was not installed"), ("0.0.1", "read as of version 0.0.1: install it again")],
)
def test_files_that_are_not_those_installed(monkeypatch, version, advice):
    def known(name: str) -> str:
        if not version:
            raise metadata.PackageNotFoundError(name)
        return version

    requires(monkeypatch)
    monkeypatch.setattr(metadata, "version", known)
    (ours,) = (finding for finding in packages.packages() if finding.name == "contextseg")
    assert ours.state == "note"
    assert advice in ours.advice


def test_the_requirements_are_those_of_the_package():
    found = needed()
    assert {"torch", "timm"} <= {requirement.name for requirement in found[CORE]}
    assert "lightning" in {requirement.name for requirement in found["train"]}
    assert not set(packages.FOR_DEVELOPERS) & set(found)
    assert within("wandb", found) == ["train"]
    assert within("openvino", found) == ["export"]


def test_the_module_of_every_installed_requirement_is_known():
    names = {requirement.name for several in needed().values() for requirement in several}
    installed = {name for name in names if next(metadata.Distribution.discover(name=name), None)}
    assert "opencv-python-headless" in installed
    lacking = {name for name in installed if find_spec(module_of(name).partition(".")[0]) is None}
    assert not lacking
