"""The layout as a test: imports point one way, files are small, importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.processes import printed

SOURCE = Path(__file__).parents[1] / "src" / "contextseg"

# Each part and the parts it may import: only ones above it in this list.
MAY_IMPORT: dict[str, set[str]] = {
    "system": set(),
    "display": {"system"},
    "config": {"system"},
    "recipes": {"config", "system"},
    "ops": set(),
    "context": {"ops"},
    "models": {"config", "context", "display", "ops", "system"},
    "factory": {"config", "context", "models"},
    "losses": {"config", "models", "ops", "system"},
    "metrics": {"config", "display", "ops"},
    "data": {"config", "display", "system"},
    "engines": {"config", "data", "models", "system"},
    "weights": {"config", "data", "engines", "factory", "models", "system"},
    "inference": {"config", "context", "data", "display", "engines", "models", "ops",
                  "system", "weights"},
    "evaluation": {"config", "data", "inference", "metrics", "models",
                   "system", "weights"},
    "interop": {"config", "data", "engines", "factory", "inference", "metrics",
                "models", "ops", "system", "weights"},
    "report": {"config", "data", "display", "inference", "metrics", "system"},
    "training": {"config", "data", "display", "evaluation", "factory", "inference",
                 "losses", "metrics", "models", "ops", "recipes", "report", "system",
                 "weights"},
    "comparison": {"config", "data", "display", "evaluation", "factory", "inference", "metrics",
                   "report", "system", "training"},
    "explorer": {"config", "data", "inference", "metrics", "models", "system", "training",
                 "weights"},
    "demo": {"config", "data", "display", "evaluation", "factory", "inference", "metrics",
             "report", "system", "training"},
    "doctor": {"data", "factory", "inference", "system"},
    "cli": {"comparison", "config", "data",
            "demo", "doctor", "evaluation", "explorer", "factory", "inference", "interop",
            "metrics", "recipes", "report", "system", "training", "weights"},
}  # fmt: skip
ROOMS_WITHIN = {
    "data.formats": {"", "affixes", "classes", "images", "mask_files", "picture_files",
                     "run_lengths", "sample", "setup.descriptions", "setup.found_splits",
                     "setup.grouping", "setup.matching", "setup.path_words", "setup.plan",
                     "setup.splits", "suffixes", "survey", "vocabularies", "wording"},
}  # fmt: skip
"""Rooms inside a room, and what they import of it; "" is the front of the outer room."""
DOORS = {"data.formats": {"data.formats", "data.formats.catalogue"}}
"""What others import of a room inside a room. The catalogue recognises formats and needs no data
set, so that messages about folders that are none may use it."""
FILES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")
SHORTCUTS = {"models/segmentation.py", "cli/__main__.py", "doctor/packages.py"}
"""Files that use what the package itself offers: `save_pretrained` and the like, its version."""
ROOT_MODULES = 5
LONGEST, MEDIAN = 300, 110


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def public_homes() -> dict[str, str]:
    """Where the names that `contextseg/__init__.py` offers are defined."""
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    tables = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AnnAssign)
              and isinstance(node.value, ast.Dict)]  # fmt: skip
    pairs = (pair for table in tables for pair in zip(table.keys, table.values, strict=True))
    texts = ((key.value, value.value) for key, value in pairs
             if isinstance(key, ast.Constant) and isinstance(value, ast.Constant))  # fmt: skip
    return {str(name): str(home).removeprefix("contextseg.") for name, home in texts}


HOMES = public_homes()


def imported(path: Path) -> set[str]:
    """Modules of ours that a file imports, in functions too; not for the type checker alone."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if alias.name.split(".")[0] == "contextseg"]
            found.update(name.removeprefix("contextseg").lstrip(".") or "contextseg"
                         for name in ours)  # fmt: skip
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "contextseg":
            package = (node.module or "").removeprefix("contextseg").lstrip(".")
            for alias in node.names:
                inner = f"{package}.{alias.name}".lstrip(".")
                if inner in MODULES:
                    found.add(inner)
                else:  # a name, which the root hands on from where it is defined
                    found.add(package or HOMES.get(alias.name, "contextseg"))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found - {module_of(path)}


IMPORTS = {module: imported(path) for module, path in MODULES.items()}


def room(module: str) -> str:
    return module.split(".")[0]


def test_the_table_names_every_room_and_runs_downwards():
    assert {room(module) for module in MODULES} == set(MAY_IMPORT)
    order = list(MAY_IMPORT)
    for part, others in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(part) for other in others), part


def test_imports_point_one_way():
    unexpected = [
        f"{module} imports {other}"
        for module, others in IMPORTS.items()
        for other in sorted(others)
        if other != "contextseg" and room(other) not in MAY_IMPORT[room(module)] | {room(module)}
    ]
    assert not unexpected, unexpected


def test_a_room_within_a_room_is_entered_by_its_doors():
    for inner, allowed in ROOMS_WITHIN.items():
        outer, within = room(inner), inner + "."
        used = {other.removeprefix(outer).lstrip(".") for module, others in IMPORTS.items()
                if module.startswith(within) for other in others
                if room(other) == outer and not other.startswith(within)}  # fmt: skip
        assert used == allowed, inner
        beside = [f"{module} imports {other}" for module, others in IMPORTS.items()
                  for other in others if other.startswith(within)
                  and not module.startswith(within) and module != inner
                  and other not in DOORS[inner]]  # fmt: skip
        assert not beside, beside


def test_every_allowed_import_is_used():
    used = {part: set[str]() for part in MAY_IMPORT}
    for module, others in IMPORTS.items():
        used[room(module)] |= {room(other) for other in others} - {room(module)}
    idle = {part: allowed - used[part] for part, allowed in MAY_IMPORT.items()}
    assert not any(idle.values()), {part: rooms for part, rooms in idle.items() if rooms}


def test_only_shortcuts_import_the_whole_package():
    whole = {str(MODULES[module].relative_to(SOURCE).as_posix())
             for module, others in IMPORTS.items() if "contextseg" in others}  # fmt: skip
    assert whole <= SHORTCUTS, whole


def test_no_file_imports_itself_around_a_corner():
    circles, done = [], set[str]()

    def visit(module: str, way: list[str]) -> None:
        if module in way:
            circles.append(" -> ".join([*way[way.index(module) :], module]))
        elif module not in done:
            for other in sorted(IMPORTS.get(module, ())):
                visit(other, [*way, module])
            done.add(module)

    for module in MODULES:
        visit(module, [])
    assert not circles, circles


def test_files_are_small_and_open_with_a_sentence():
    texts = {path: path.read_text(encoding="utf-8") for path in FILES}
    lengths = {path: len(text.splitlines()) for path, text in texts.items()}
    assert not [path for path, length in lengths.items() if length > LONGEST]
    assert median(lengths.values()) <= MEDIAN
    assert not [path for path, text in texts.items() if not text.startswith('"""')]


def test_the_root_is_shallow():
    assert len(list(SOURCE.glob("*.py"))) <= ROOT_MODULES


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["torch", "lightning", "timm", "cv2", "numpy", "rich"]
    assert run(f"import contextseg, sys; print([m for m in {heavy} if m in sys.modules])") == "[]"


@pytest.mark.slow
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
