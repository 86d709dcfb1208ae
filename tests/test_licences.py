"""How .ci/licences.py judges what metadata say of a licence."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / ".ci" / "licences.py"
pytestmark = pytest.mark.skipif(not PROGRAM.is_file(), reason="the sdist does not hold it")


@pytest.fixture(scope="module")
def licences():
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("licences", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("MIT License AND Apache Software License", "permissive"),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", "permissive"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("ISC License (ISCL)", "permissive"),
        ("BSD (3-clause)", "permissive"),
        ("FreeBSD", "permissive"),
        ("MIT OR GPL-2.0-only", "permissive"),
        ("(GPL-2.0-only OR (MIT AND PSF-2.0))", "permissive"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "weak"),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", "weak"),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", "unknown"),
        ("(MIT OR GPL-2.0-only) AND LicenseRef-Secret", "unknown"),
        ("GNU Library or Lesser General Public License (LGPL)", "unknown"),
        ("Copyright Foo Limited", "unknown"),
        ("UNLICENSED", "unknown"),
        ("Disclaimer", "unknown"),
        ("", "unknown"),
    ],
)
def test_what_is_permissive(licences, said, kind):
    assert licences.kind("package", said) == kind


def test_libraries_of_nvidia_are_named_as_such(licences):
    assert licences.kind("nvidia-cudnn-cu13", "LicenseRef-NVIDIA-Proprietary") == "NVIDIA"
    assert licences.kind("other", "LicenseRef-NVIDIA-Proprietary") == "unknown"
