"""Pages that promise something: what they link to is there, and licences are judged as they say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
LICENCES = runpy.run_path(str(ROOT / ".ci" / "licences.py"))


@pytest.mark.parametrize(
    "page", ["SECURITY.md", "docs/stability.md", "CHANGELOG.md", "docs/cli.md"]
)
def test_links_lead_to_files(page):
    path = ROOT / page
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert links
    assert not [link for link in links if not (path.parent / link).exists()]


def test_what_is_unsafe_to_open_names_its_tests():
    """Each kind of file in the table of SECURITY.md has a link to a test."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!file|---)(.+)$", text.split("**Programs.**")[0], re.MULTILINE)
    assert len(rows) >= 9
    assert not [row for row in rows if "](tests/" not in row]


@pytest.mark.parametrize(
    ("name", "said", "kind"),
    [
        ("a", "Apache-2.0 WITH LLVM-exception AND MIT", "permissive"),
        ("a", "GPL-3.0-only OR MIT", "permissive"),
        ("a", "MIT AND LGPL-2.1", "unknown"),
        ("a", "GNU Affero General Public License v3", "unknown"),
        ("a", "CC-BY-NC-4.0 (non-commercial)", "unknown"),
        ("a", "MPL-2.0 AND MIT", "weak"),
        ("a", "", "unknown"),
        ("nvidia-cublas", "LicenseRef-NVIDIA-Proprietary", "NVIDIA"),
        ("cuda-bindings", "Apache-2.0", "permissive"),
    ],
)
def test_a_licence_is_judged(name, said, kind):
    assert LICENCES["kind"](name, said) == kind


def test_no_licence_of_the_core_is_unknown(capsys):
    assert LICENCES["main"]([]) == 0
    table = capsys.readouterr().out
    assert "| torch |" in table
    assert "| timm |" in table
