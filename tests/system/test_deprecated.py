"""Old names and forms: one way to warn, and a release in which they go."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path

import pytest

import contextseg
from contextseg.config import classification
from contextseg.system.deprecated import GOES, deprecated
from contextseg.system.moved import MOVED

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "contextseg"
DEPRECATED = re.search(
    r"^### Deprecated\n(.*?)^##", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M | re.S
)


def test_the_warning_says_when_the_old_form_goes_and_blames_who_uses_it():
    def old():
        deprecated("old is called new now")

    with pytest.warns(
        DeprecationWarning, match=rf"^old is .* now\. .* goes in contextseg {GOES}\.$"
    ) as told:
        old()
    assert told[0].filename == __file__
    with pytest.warns(FutureWarning, match="called new"):
        deprecated("old is called new now", category=FutureWarning)


def test_what_should_be_gone_is_gone():
    """In the release that a warning names, this says that its old form must be removed."""
    release = tuple(map(int, re.findall(r"\d+", contextseg.__version__)[:2]))
    assert release < tuple(map(int, GOES.split("."))), "remove the callers of `deprecated`"


def test_nothing_warns_of_old_forms_in_another_way():
    others = []
    for path in SOURCE.rglob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                 if isinstance(node, ast.Name)}  # fmt: skip
        if names & {"DeprecationWarning", "PendingDeprecationWarning"}:
            others.append(path.name)
    assert others == ["deprecated.py"]


def test_the_changelog_lists_what_is_deprecated():
    assert DEPRECATED is not None
    text = DEPRECATED[1]
    assert f"until {GOES}" in text
    names = [f"contextseg.{name}" for name in MOVED] + list(classification._RENAMED)
    assert not [name for name in (*names, "evaluate(also=...)") if f"`{name}`" not in text]


def test_old_forms_say_in_which_release_they_go():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert classification.LabelledDataConfig is classification.ClassifierDataConfig
    (said,) = (str(warning.message) for warning in told)
    assert said.startswith("LabelledDataConfig is called ClassifierDataConfig now.")
    assert said.endswith(f"goes in contextseg {GOES}.")
