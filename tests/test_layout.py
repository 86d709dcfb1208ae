"""The layout as a test: imports point one way, files are small, importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "contextseg"

# Each part and the parts it may import: only ones above it in this list.
MAY_IMPORT: dict[str, set[str]] = {
    "labels": set(),
    "files": set(),
    "arithmetic": set(),
    "config": set(),
    "classifier_config": {"config"},
    "clone": set(),
    "machine": set(),
    "ops": set(),
    "outputs": {"ops"},
    "catalog": {"classifier_config", "config"},
    "config_io": {"classifier_config", "config", "files"},
    "published": {"config"},
    "recipes": {"config", "published"},
    "classifier_recipes": {"classifier_config", "config"},
    "norm": set(),
    "backbone": {"outputs"},
    "context": {"ops", "outputs"},
    "heads": {"context"},
    "model": {"config", "heads", "outputs"},
    "classifiers": {"backbone", "classifier_config", "context"},
    "factory": {"backbone", "classifier_config", "classifiers", "config", "context", "heads",
                "model", "outputs"},
    "losses": {"config", "labels", "ops", "outputs"},
    "metrics": {"labels", "ops"},
    "data": {"classifier_config", "config", "files", "labels"},
    "engines": {"config", "config_io", "data", "outputs"},
    "weights": {"classifier_config", "classifiers", "config", "config_io", "data", "engines",
                "factory", "files", "model"},
    "inference": {"classifiers", "config", "data", "engines", "files", "model", "ops", "outputs",
                  "weights"},
    "classifier_evaluation": {"classifiers", "data", "files", "inference", "metrics", "weights"},
    "evaluation": {"classifier_evaluation", "classifiers", "config", "data", "files", "inference",
                   "labels", "metrics", "weights"},
    "interop": {"arithmetic", "config", "data", "engines", "factory", "files", "inference",
                "metrics", "model", "ops", "outputs", "weights"},
    "training": {"backbone", "classifier_config", "classifier_evaluation", "classifiers", "config",
                 "config_io", "data", "evaluation", "factory", "files", "inference", "losses",
                 "machine", "metrics", "model", "norm", "ops", "weights"},
    "report": {"data", "files", "metrics"},
    "ablations": {"config"},
    "comparison": {"arithmetic", "config", "config_io", "data", "evaluation", "factory", "files",
                   "inference", "machine", "metrics", "report", "training"},
    "classifier_comparison": {"classifier_config", "classifier_evaluation", "config_io", "files",
                              "inference", "report", "training", "weights"},
    "demo": {"clone", "config", "data", "evaluation", "inference", "metrics", "report", "training"},
    "cli": {"ablations", "classifier_comparison", "classifier_config", "classifier_evaluation",
            "classifier_recipes", "clone", "comparison", "config", "config_io", "data",
            "demo", "evaluation", "inference", "interop", "metrics", "recipes", "report",
            "training", "weights"},
}  # fmt: skip
PUBLIC = {"__version__", "benchmark", "compare", "convert", "create_model", "evaluate", "export",
          "list_models", "load", "train"}  # fmt: skip
FILES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")


def parts_imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "contextseg":
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(
                node.module.removeprefix("contextseg.") if "contextseg." in node.module else ""
            )
        elif isinstance(node, ast.Import):
            names.update(
                alias.name.removeprefix("contextseg.")
                for alias in node.names
                if alias.name.startswith("contextseg.")
            )
    return {name.split(".")[0] for name in names if name}


def test_the_table_names_every_part_and_runs_downwards():
    assert {p.relative_to(SOURCE).parts[0].removesuffix(".py") for p in FILES} == set(MAY_IMPORT)
    order = list(MAY_IMPORT)
    for part, others in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(part) for other in others), part


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_one_way(path):
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    allowed = MAY_IMPORT[part] | {part} | (PUBLIC if part == "cli" else set())
    unexpected = parts_imported(path) - allowed
    assert not unexpected, f"{part} may not import {', '.join(sorted(unexpected))}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_holds_one_concept(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert text.startswith('"""'), "a file opens with one sentence"


def test_only_the_command_line_imports_jsonargparse():
    users = {p for p in FILES if "jsonargparse" in p.read_text(encoding="utf-8")}
    assert users
    assert all(p.is_relative_to(SOURCE / "cli") for p in users)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["torch", "lightning", "timm", "cv2", "numpy", "jsonargparse", "rich"]
    assert run(f"import contextseg, sys; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_nothing_looks_for_a_host():
    code = """
import sys
def hook(event, args):
    if event == "socket.getaddrinfo":
        raise AssertionError(f"looked for {args[0]}")
sys.addaudithook(hook)
import contextseg
contextseg.create_model("encnet", backbone="test_resnet", num_classes=3)
print(contextseg.evaluate and contextseg.train and contextseg.load and "done")
"""
    assert run(code) == "done"


def test_every_public_name_is_there():
    code = "import contextseg; print(all(getattr(contextseg, n) for n in contextseg.__all__))"
    assert run(code) == "True"
