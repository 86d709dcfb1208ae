"""Old module names: importing one warns and returns the new module."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from contextseg.system.deprecated import deprecated

MOVED: dict[str, tuple[str, ...]] = {
    "ablations": ("recipes.ablations",),
    "backbone": ("models.backbone",),
    "catalog": ("recipes.catalog",),
    "classifier_config": ("config.classification", "config.networks"),
    "classifier_recipes": ("recipes.classification",),
    "classifier_evaluation": ("evaluation",),
    "classifiers": ("models.classifiers",),
    "config_io": ("config.io",),
    "data.cifar10": ("data.classification.cifar10",),
    "data.labelled_folder": ("data.classification.folder",),
    "inference.files": ("inference.predict_files",),
    "inference.multiscale": ("inference.views.plan",),
    "interop.candidates": ("interop.backends",),
    "labels": ("config.labels",),
    "model": ("models.segmentation",),
    "norm": ("training.sync_batchnorm",),
    "outputs": ("models.outputs", "context.outputs"),
    "published": ("recipes",),
    "published.cpnet": ("recipes.cpnet_paper",),
    "published.encnet": ("recipes.encnet_paper",),
    "training.complete": ("training.train_or_load",),
    "training.sessions": ("training.callbacks.provenance",),
    "weights.files": ("weights.model_file",),
}
"""New names by old ones, all in `contextseg`; two where the old module was split. The modules in a
package move with it."""

PACKAGE = "contextseg."


class MovedModules:
    """Finds the modules in `MOVED` before Python imports one of a moved package a second time."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """How to load the module `name`, if it has moved."""
        if name.startswith(PACKAGE) and _new_names(name):
            return ModuleSpec(name, MovedModules)  # pyright: ignore[reportArgumentType]
        return None

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """None: Python creates a module for `exec_module` to fill or replace."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Replace the old module by the new one, or look names up in both if it was split."""
        old = module.__name__
        new = _new_names(old)
        deprecated(f"{old} has moved to {' and '.join(new)}")
        modules = [importlib.import_module(name) for name in new]
        if len(modules) == 1:
            sys.modules[old] = modules[0]

        def look_up(name: str) -> Any:
            for each in modules:
                if hasattr(each, name):
                    return getattr(each, name)
            raise AttributeError(f"module {old!r} has no attribute {name!r}")

        vars(module)["__getattr__"] = look_up


def _new_names(old: str) -> list[str]:
    name = old.removeprefix(PACKAGE)
    parent, _, last = name.rpartition(".")
    inside = [f"{new}.{last}" for new in MOVED.get(parent, ())]
    return [PACKAGE + new for new in MOVED.get(name, inside)]


def install() -> None:
    """Let `import` find moved modules."""
    if MovedModules not in sys.meta_path:
        sys.meta_path.insert(0, MovedModules)  # pyright: ignore[reportArgumentType]
