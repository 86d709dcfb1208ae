"""Which file of a package imports which, and the circles among them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Edges = dict[Path, set[Path]]


def import_graph(package: Path, homes: Mapping[str, str]) -> Edges:
    """The files of the package that each of them imports, at its top or inside a function.

    What only a type checker imports does not count. An import of a submodule leads to its file and
    not to the package that holds it.

    Args:
        package: its folder.
        homes: module that defines a name, for the names that the package itself loads at first use.
    """
    files = {_module(package, path): path for path in sorted(package.rglob("*.py"))}
    edges: Edges = {}
    for path in files.values():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            home
            for name in _names(tree, _package(package, path))
            if (home := _home(name, package.name, files, homes)) is not None
        }
        edges[path] = {files[name] for name in names} - {path}
    return edges


def circles(edges: Edges) -> list[list[Path]]:
    """Sets of files, each of which imports itself by way of the others; each sorted."""
    reached = {start: _reached(start, edges) for start in edges}
    found = {
        frozenset(other for other in reached[start] if start in reached[other])
        for start in edges
        if start in reached[start]
    }
    return sorted(sorted(circle) for circle in found)


def _reached(start: Path, edges: Edges) -> set[Path]:
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        for path in edges[waiting.pop()] - seen:
            seen.add(path)
            waiting.append(path)
    return seen


def _module(package: Path, path: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _package(package: Path, path: Path) -> str:
    return ".".join(path.parent.relative_to(package.parent).parts)


def _names(tree: ast.AST, package: str) -> Iterator[str]:
    """Full names that are imported, and those that are taken from the package by attribute."""
    for node in _outside_type_checking(tree):
        match node:
            case ast.ImportFrom(module=module, names=aliases, level=level):
                parents = package.split(".")
                start = [*parents[: len(parents) - level + 1]] if level else []
                base = ".".join([*start, *([module] if module else [])])
                yield from (f"{base}.{alias.name}" for alias in aliases)
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases if "." in alias.name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                if name == package.split(".")[0]:
                    yield f"{name}.{attribute}"


def _outside_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from _outside_type_checking(other)
        else:
            yield node
            yield from _outside_type_checking(node)


def _home(name: str, root: str, files: Mapping[str, Path], homes: Mapping[str, str]) -> str | None:
    """Module that a full name is in, or None if it is not of the package."""
    if name.partition(".")[0] != root:
        return None
    if name in files:
        return name
    parent, _, last = name.rpartition(".")
    if parent == root and last in homes:
        return homes[last]
    while parent and parent not in files:
        parent = parent.rpartition(".")[0]
    return parent or None
