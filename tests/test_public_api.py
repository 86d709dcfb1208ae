"""What is public is importable, documented, and told alike in every place."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import contextseg

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SECTIONS = {
    section.split("`")[0]: re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    for section in re.split(r"^## `", PAGE, flags=re.MULTILINE)[1:]
}
PUBLIC = {"contextseg", *(f"contextseg.{part}" for part in
          ("config", "ops", "context", "data.transforms", "losses", "metrics",
           "interop"))}  # fmt: skip


def test_the_page_has_a_section_for_every_public_module():
    assert set(SECTIONS) == PUBLIC


@pytest.mark.parametrize("name", SECTIONS)
def test_the_page_lists_what_a_module_makes_public(name):
    module = importlib.import_module(name)
    assert SECTIONS[name] == sorted(module.__all__, key=str.lower)
    for public in module.__all__:
        value = getattr(module, public)
        if isinstance(value, type) or callable(value):
            assert value.__doc__, f"{name}.{public} has no docstring"


def test_names_at_the_root_are_the_same_for_python_and_for_type_checkers():
    tree = ast.parse(Path(contextseg.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == contextseg._HOMES
    assert contextseg.__all__ == list(contextseg._HOMES)
    assert set(contextseg.__all__) <= set(dir(contextseg))


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == contextseg.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert contextseg.__version__ in re.findall(r"^## (\S+)", changelog, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]  # read from the package
