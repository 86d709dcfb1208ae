"""The fenced blocks of a Markdown page, and the command lines in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Language and text of each fenced block of a page, named from the root."""
    for found in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")):
        yield found[1], found[2]


def shell_lines(text: str) -> list[str]:
    """The lines of a block of shell commands, continued ones joined."""
    return re.sub(r"\\\n\s*|\n {6,}", " ", text).splitlines()
