"""The documentation site has every page; `make docs` builds it and checks links and offline use."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml

from tests.snippets import ROOT
from tests.test_public_api import PUBLIC

CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
GENERATED = ("changelog.md",)
"""Pages of the nav that hooks make of files outside docs/."""


def pages_of(entries: list[Any]) -> Iterator[str]:
    """The pages in a part of the nav."""
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, str):
                yield value
            else:
                yield from pages_of(value)


def test_every_page_is_in_the_nav_once():
    listed = sorted(pages_of(CONFIG["nav"]))
    # Reports of comparisons are reached from the page of their results.
    reports = CONFIG["not_in_nav"].split()
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md")]
    assert listed == sorted(
        [*GENERATED, *(page for page in pages if page in listed or not excluded(page, reports))]
    )


def excluded(page: str, patterns: list[str]) -> bool:
    """Whether a page may be left out of the nav."""
    return page.endswith("/report.md") and any(fnmatch(page, pattern) for pattern in patterns)


def test_the_reference_has_every_public_module():
    pytest.importorskip("mkdocs")
    pytest.importorskip("latex2mathml")
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "theme" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    assert {module for module, _, _ in hooks.MODULE.findall(hooks.api())} == PUBLIC


def test_nothing_of_the_site_is_fetched():
    """Fonts and scripts that the theme or a plugin would load from elsewhere are off."""
    assert CONFIG["theme"]["font"] is False
    assert "offline" not in CONFIG["plugins"]  # it adds a script of a CDN
    assert "site_url" not in CONFIG  # pages open wherever they lie
