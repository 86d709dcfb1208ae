"""What documentation and examples import, type checkers of a user let through.

With `py.typed`, a name that a module only imports is private to it, unless `__all__` or an import
`as` itself makes it public: Pylance and mypy underline it in the user's editor.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import contextseg

ROOT = Path(__file__).parents[2]
PACKAGE = Path(contextseg.__file__).parent


def programs() -> Iterator[tuple[str, str]]:
    """Page or file, and Python in it."""
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for text in re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
            yield page.name, text
    for script in [*ROOT.glob("examples/*.py"), ROOT / "tests" / "typing" / "consumer.py"]:
        yield script.name, script.read_text("utf-8")
    for notebook in ROOT.glob("examples/*.ipynb"):
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield notebook.name, "".join(cell["source"])


def imports() -> set[tuple[str, str, str]]:
    """Page, module and name of each import from the package."""
    return {
        (page, node.module, alias.name)
        for page, text in programs()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "contextseg"
        for alias in node.names
    }


def exported(module: str) -> set[str] | None:
    """Names that type checkers let users import; None if the module makes them when asked."""
    file = PACKAGE.joinpath(*module.split(".")[1:])
    names = {path.stem for path in file.iterdir()} if file.is_dir() else set()
    file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if node.name == "__getattr__" and module != "contextseg":
                return None
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
            if isinstance(node.value, ast.List) and "__all__" in ast.unparse(targets[0]):
                names |= set(ast.literal_eval(node.value))
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names if alias.asname == alias.name}
    return names


@pytest.mark.parametrize(("page", "module", "name"), sorted(imports()))
def test_an_imported_name_is_exported(page, module, name):
    names = exported(module)
    assert names is None or name in names, f"{page}: {module} does not export {name}"


def test_a_name_that_is_only_imported_is_not():
    assert "read_stored_mask" not in exported("contextseg.data.images")
    assert {"ImageError", "read_image"} <= exported("contextseg.data.images")


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()
