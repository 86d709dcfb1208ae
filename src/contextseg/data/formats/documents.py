"""JSON, XML and text files of exports, and what is asked of their content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from contextseg.data.formats.log import FormatError


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a mark at its beginning.

    Raises:
        FormatError: it is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"is not UTF-8 at byte {error.start}") from None


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        FormatError: it is broken; says where.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FormatError(
            f"is broken JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise FormatError("is JSON that is nested too deeply") from None


class _WithoutEntities(ElementTree.TreeBuilder):
    """Refuses a document type, where entities are declared, in whichever encoding it is."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called where a document type begins, before its entities.

        Raises:
            FormatError: always.
        """
        raise FormatError("has a document type, which exports do not have; it is not read")


def read_xml(path: Path) -> ElementTree.Element:
    """The root element of an XML file.

    Raises:
        FormatError: it is broken, or declares entities, with which a small file can fill memory.
    """
    parser = ElementTree.XMLParser(target=_WithoutEntities())
    try:
        return ElementTree.fromstring(path.read_bytes(), parser)
    except ElementTree.ParseError as error:
        raise FormatError(f"is broken XML: {error}") from None


def require(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """`value` if it is of a kind.

    Args:
        value: part of a document.
        kind: what it must be.
        what: names it in the message.

    Raises:
        FormatError: it is not.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        shown = repr(value)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        raise FormatError(f"{what} must be {names}, got {shown}")
    return value


def stated_size(rows: Any, columns: Any) -> tuple[int, int] | None:
    """Rows and columns that a document states as numbers or text; None where it does not."""
    try:
        size = int(rows), int(columns)
    except (TypeError, ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None
