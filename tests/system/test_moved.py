"""Modules under their old names."""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path

import pytest

from contextseg import config
from contextseg.system.moved import MOVED, MovedModules
from tests.processes import printed

CHANGELOG = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture(params=MOVED)
def old(request):
    name = f"contextseg.{request.param}"
    sys.modules.pop(name, None)
    yield name
    sys.modules.pop(name, None)


def test_an_old_name_gives_the_new_module_and_warns_where_it_is_imported(old):
    new = [f"contextseg.{name}" for name in MOVED[old.removeprefix("contextseg.")]]
    with pytest.warns(DeprecationWarning, match=f"^{old} has moved to {' and '.join(new)}") as told:
        module = importlib.import_module(old)
    assert any(str(warning.message).startswith(f"{old} ") for warning in told)
    for name in new:
        for key, value in vars(importlib.import_module(name)).items():
            if not key.startswith("__"):
                assert getattr(module, key) is value
    assert all(f"`{name}`" in CHANGELOG for name in (old, *new))


@pytest.mark.slow
def test_a_moved_name_imports_in_every_way():
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from contextseg.config_io import read_yaml
    import contextseg.outputs
    from contextseg.outputs import Stages, SegmentationOutput
    import contextseg.published.encnet as encnet
    from contextseg.classifiers.build import build_classifier
from contextseg.config.io import read_yaml as new
from contextseg.context.outputs import Stages as new_stages
assert read_yaml is new and Stages is new_stages
assert encnet.RECIPES and contextseg.published.encnet is encnet
assert contextseg.config.io.__name__ == contextseg.config.io.__spec__.name == "contextseg.config.io"
files = [w.filename for w in caught if "has moved" in str(w.message)]
assert files == ["<string>"] * 6, files  # two of them are packages
from contextseg.models.classifiers import build
assert build.build_classifier is build_classifier
"""
    assert printed(code) == ""


def test_a_divided_module_has_the_names_of_both_halves():
    sys.modules.pop("contextseg.classifier_config", None)
    with pytest.warns(DeprecationWarning, match="has moved to"):
        old = importlib.import_module("contextseg.classifier_config")
    with pytest.warns(DeprecationWarning, match="is called ClassifierDataConfig now"):
        assert old.LabelledDataConfig is config.ClassifierDataConfig
    assert old.EncNet14Config is config.EncNet14Config
    with pytest.raises(AttributeError, match=r"'contextseg\.classifier_config' has no .*'Nothing'"):
        _ = old.Nothing


def test_other_missing_modules_stay_missing():
    assert MovedModules.find_spec("config_io") is None
    assert MovedModules.find_spec("contextseg.config.io") is None
    with pytest.raises(ModuleNotFoundError, match=r"contextseg\.nothing"):
        importlib.import_module("contextseg.nothing")


def test_pickles_of_old_modules_load():
    from contextseg.config.classification import ClassifierConfig

    text = pickle.dumps(ClassifierConfig, protocol=0)
    old = text.replace(b"contextseg.config.classification", b"contextseg.classifier_config")
    assert old != text
    sys.modules.pop("contextseg.classifier_config", None)
    with pytest.warns(DeprecationWarning, match="classifier_config has moved"):
        assert pickle.loads(old) is ClassifierConfig
