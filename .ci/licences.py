"""List the licences of what contextseg depends on; exit code 1 if one is unknown.

Everything is read from the metadata of the packages that are installed: no service is asked.

    python .ci/licences.py            what `pip install contextseg` brings
    python .ci/licences.py train app  what these extras bring, too; they are listed, not judged

Unknown is also what asks for more than a notice, such as the GPL. MPL is allowed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement

PERMISSIVE = (
    "apache", "mit", "bsd", "isc", "hpnd", "historical permission notice", "python software",
    "psf", "cc0", "zlib", "boost", "bsl-1.0", "unlicense", "freebsd",
)  # fmt: skip
"""Licences that ask for no more than a notice, by words in what metadata say of them."""
WEAK = ("mozilla public", "mpl")
"""Copyleft of single files, which binds those who change these files alone."""
ORDER = ("permissive", "weak", "unknown")
GROUP = re.compile(r"\(([^()]*\b(?:AND|OR)\b[^()]*)\)")
"""An innermost part in brackets of an SPDX expression."""
REFUSED = re.compile(r"gpl|general public|affero|non-?commercial|proprietary")
NVIDIA = re.compile(r"^(nvidia|cuda)-")
"""Libraries that PyTorch's builds for CUDA bring; its builds for processors do not."""


def tree(roots: Iterable[Requirement], extras: Iterable[str]) -> dict[str, metadata.Distribution]:
    """What requirements bring, as far as it is installed, by name."""
    found: dict[str, metadata.Distribution] = {}
    todo = [(one, extra) for one in roots for extra in ("", *one.extras)]
    seen = set()
    while todo:
        requirement, extra = todo.pop()
        key = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if (key, extra) in seen:
            continue
        seen.add((key, extra))
        try:
            about = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            continue
        found[key] = about
        for text in about.requires or ():
            one = Requirement(text)
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                todo += [(one, inner) for inner in ("", *one.extras)]
    return found


def licence(about: metadata.Distribution) -> str:
    """What the metadata say: an SPDX expression, else classifiers, else the text's first line."""
    expression = about.metadata.get("License-Expression")
    if expression:
        return expression
    classifiers = [line.rpartition(" :: ")[2] for line in about.metadata.get_all("Classifier") or ()
                   if line.startswith("License ::")]  # fmt: skip
    classifiers = [line for line in classifiers if line != "OSI Approved"]
    if classifiers:
        return " AND ".join(dict.fromkeys(classifiers))
    text = (about.metadata.get("License") or "").strip()
    return text.splitlines()[0] if text else ""


def kind(name: str, said: str) -> str:
    """`permissive`, `weak`, `NVIDIA` for its libraries, or `unknown`, which copyleft is, too."""
    while group := GROUP.search(said):
        said = f"{said[: group.start()]}{_best(group[1])}{said[group.end() :]}"
    best = _best(said)
    return "NVIDIA" if best == "unknown" and NVIDIA.search(name) else best


def _best(said: str) -> str:
    # With a choice, the best part counts; of parts that all apply, the worst.
    return min((_worst(choice) for choice in re.split(r"\bOR\b", said)), key=ORDER.index)


def _worst(said: str) -> str:
    # An exception (Apache-2.0 WITH LLVM-exception) only allows more.
    without = re.sub(r"\bWITH\s+[\w.-]+", "", said)
    return max((_of(part) for part in re.split(r"\bAND\b|;", without)), key=ORDER.index)


def _of(part: str) -> str:
    lower = part.strip().lower()
    if lower in ORDER:  # a part in brackets, judged before
        return lower
    if REFUSED.search(lower):
        return "unknown"
    if _has(lower, PERMISSIVE):
        return "permissive"
    return "weak" if _has(lower, WEAK) else "unknown"


def _has(text: str, words: Iterable[str]) -> bool:
    """Whether one of the words is in a text, and not only as letters of another (`limited`)."""
    return any(re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text) for word in words)


def main(extras: list[str]) -> int:
    """Print a table; returns the exit code."""
    wanted = "contextseg" + (f"[{','.join(extras)}]" if extras else "")
    core = set(tree([Requirement("contextseg")], ()))
    refused = []
    print("| package | version | licence | kind |\n|---|---|---|---|")
    for name, about in sorted(tree([Requirement(wanted)], extras).items()):
        said = licence(about)
        judged = kind(name, said)
        print(f"| {name} | {about.version} | {said[:60] or 'not stated'} | {judged} |")
        if judged == "unknown" and name in core:
            refused.append(name)
    if refused:
        print(
            f"\nNeither permissive nor MPL, as far as metadata say: {', '.join(refused)}.",
            file=sys.stderr,
        )
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
