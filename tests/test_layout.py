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
    "system": set(),
    "config": {"system"},
    "recipes": {"config"},
    "ops": set(),
    "context": {"ops"},
    "models": {"config", "context", "ops"},
    "factory": {"config", "context", "models"},
    "losses": {"config", "models", "ops"},
    "metrics": {"config", "ops"},
    "data": {"config", "system"},
    "engines": {"config", "context", "data", "models", "system"},
    "weights": {"config", "data", "engines", "factory", "models", "system"},
    "inference": {"config", "context", "data", "engines", "models", "ops", "system", "weights"},
    "classifier_evaluation": {"data", "inference", "metrics", "models", "system", "weights"},
    "evaluation": {"classifier_evaluation", "config", "data", "inference", "metrics", "models",
                   "system", "weights"},
    "interop": {"config", "context", "data", "engines", "factory", "inference", "metrics",
                "models", "ops", "system", "weights"},
    "training": {"classifier_evaluation", "config", "data", "evaluation", "factory", "inference",
                 "losses", "metrics", "models", "ops", "system", "weights"},
    "report": {"data", "metrics", "system"},
    "comparison": {"config", "data", "evaluation", "factory", "inference", "metrics", "report",
                   "system", "training"},
    "classifier_comparison": {"classifier_evaluation", "config", "inference", "report", "system",
                              "training", "weights"},
    "demo": {"config", "data", "evaluation", "inference", "metrics", "report", "system",
             "training"},
    "cli": {"classifier_comparison", "classifier_evaluation", "comparison", "config", "data",
            "demo", "evaluation", "inference", "interop", "metrics", "recipes", "report",
            "system", "training", "weights"},
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
