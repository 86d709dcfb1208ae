"""The layout as a test: imports point one way, files are small, importing is cheap."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import contextseg
from tests.imports import circles, import_graph
from tests.processes import printed

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
    "demo": {"config", "data", "evaluation", "factory", "inference", "metrics", "report",
             "system", "training"},
    "cli": {"classifier_evaluation", "comparison", "config", "data",
            "demo", "evaluation", "inference", "interop", "metrics", "recipes", "report",
            "system", "training", "weights"},
}  # fmt: skip
FILES = sorted(SOURCE.rglob("*.py"))
ROOT_FILE = SOURCE / "__init__.py"
GRAPH = import_graph(SOURCE, contextseg._HOMES)


def part(path: Path) -> str:
    """The room of a file, or its name if it is in none."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def shown(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_the_table_names_every_part_and_runs_downwards():
    assert {part(path) for path in FILES if path != ROOT_FILE} == set(MAY_IMPORT)
    order = list(MAY_IMPORT)
    for name, others in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(name) for other in others), name


def test_imports_point_one_way():
    wrong = [
        f"{shown(path)} imports {shown(other)}"
        for path, others in GRAPH.items()
        for other in sorted(others - {ROOT_FILE})
        if path != ROOT_FILE and part(other) not in MAY_IMPORT[part(path)] | {part(path)}
    ]
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle():
    found = [
        "\n".join(
            f"{shown(p)} -> {shown(o)}" for p in circle for o in sorted(GRAPH[p]) if o in circle
        )
        for circle in circles(GRAPH)
    ]
    assert not found, "\n\n".join(found)


def test_a_circle_is_found_through_functions_and_submodules(tmp_path):
    package = tmp_path / "house"
    written = {
        "__init__.py": "if TYPE_CHECKING:\n    from house.b import f",
        "a.py": "import house\ndef g():\n    return house.f()",  # f is at home in b
        "b.py": "def f():\n    from house.room import c",
        "room/__init__.py": "from .c import x",
        "room/c.py": "from .. import a",
        "d.py": "from house.room import x\nimport os.path",
    }
    for name, text in written.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    graph = import_graph(package, {"f": "house.b"})
    assert circles(graph) == [[package / "a.py", package / "b.py", package / "room" / "c.py"]]
    assert graph[package / "d.py"] == {package / "room" / "__init__.py"}
    assert graph[package / "__init__.py"] == set()
    (package / "a.py").write_text("import typing")
    assert circles(import_graph(package, {})) == []


def test_a_file_holds_one_concept():
    texts = {shown(path): path.read_text(encoding="utf-8") for path in FILES}
    lengths = {name: len(text.splitlines()) for name, text in texts.items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}
    assert statistics.median(lengths.values()) <= 110
    assert [name for name, text in texts.items() if not text.startswith('"""')] == []


def test_the_root_holds_few_modules():
    assert len([path for path in SOURCE.glob("*.py") if path != ROOT_FILE]) <= 5


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["torch", "lightning", "timm", "cv2", "numpy", "rich"]
    assert run(f"import contextseg, sys; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_nothing_looks_for_a_host_and_every_public_name_is_there():
    code = """
import sys
def hook(event, args):
    if event == "socket.getaddrinfo":
        raise AssertionError(f"looked for {args[0]}")
sys.addaudithook(hook)
import contextseg
contextseg.create_model("encnet", backbone="test_resnet", num_classes=3)
print([name for name in contextseg.__all__ if not getattr(contextseg, name)])
"""
    assert printed(code).strip() == "[]"
