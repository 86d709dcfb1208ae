"""Which of the packages that contextseg and its extras need are installed, and new enough."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.doctor.findings import Finding, State
from contextseg.doctor.trials import Trial, trials

if TYPE_CHECKING:
    from packaging.requirements import Requirement

NAME = "contextseg"
CORE = ""
"""Stands for what every installation needs, where others have the name of an extra."""
FOR_DEVELOPERS = ("dev", "docs")
"""Extras that no user needs."""
MODULES = {
    "mlflow-skinny": "mlflow",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "ray": "ray.data",
}
"""What to import of packages whose modules have another name."""


def module_of(package: str) -> str:
    """The module to import of a package."""
    return MODULES.get(package.lower(), package.replace("-", "_"))


def needed() -> dict[str, list[Requirement]]:
    """Requirements by extra, those of every installation under `CORE`.

    Raises:
        PackageNotFoundError: contextseg runs from files that were not installed.
    """
    from packaging.requirements import Requirement

    about = metadata.metadata(NAME)
    extras = [extra for extra in about.get_all("Provides-Extra", ()) if extra not in FOR_DEVELOPERS]
    by_extra: dict[str, list[Requirement]] = {extra: [] for extra in (CORE, *extras)}
    for requirement in map(Requirement, metadata.requires(NAME) or ()):
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": CORE}):
            by_extra[CORE].append(requirement)
            continue
        for extra in extras:
            if marker.evaluate({"extra": extra}):
                by_extra[extra].append(requirement)
    return by_extra


def within(extra: str, by_extra: Mapping[str, Sequence[Requirement]]) -> list[str]:
    """Other extras all of whose packages this one has, and more."""
    names = {other: {one.name for one in several} for other, several in by_extra.items()}
    return [other for other in names if other != CORE and names[other] < names[extra]]


def packages() -> Iterator[Finding]:
    """Look at Python, contextseg and all packages."""
    from contextseg import __version__

    yield Finding(
        section="packages",
        name="Python",
        said=f"{platform.python_version()}, {platform.python_implementation()}, {sys.executable}",
        details={"version": platform.python_version(), "executable": sys.executable},
    )
    place = str(Path(__file__).parents[1])
    try:
        by_extra, known = needed(), metadata.version(NAME)
    except metadata.PackageNotFoundError:
        by_extra, known = {}, ""
    if known == __version__:
        advice = ""
    elif known:
        advice = f"What it needs is read as of version {known}: install it again."
    else:
        advice = "It was not installed, so nothing says which packages it needs: pip install ."
    yield Finding(
        section="packages",
        name=NAME,
        state="note" if advice else "fine",
        said=f"{__version__}, {place}",
        advice=advice,
        details={"version": __version__, "folder": place},
    )
    modules = dict.fromkeys(module_of(one.name) for several in by_extra.values() for one in several)
    # A package that is not there needs no process to find out.
    became = trials([name for name in modules if _is_there(name)])
    found = {
        extra: {one.name: _looked_up(one, became) for one in several}
        for extra, several in by_extra.items()
    }
    for package in found.pop(CORE, {}).values():
        yield _core(package)
    for extra, all_packages in found.items():
        others = within(extra, by_extra)
        told = {name for other in others for name in found[other]}
        own = [package for name, package in all_packages.items() if name not in told]
        yield _extra(extra, own, others)


@dataclass(frozen=True, slots=True)
class _Package:
    """A package that is needed, and how it is here."""

    requirement: Requirement
    version: str
    """Empty if it is not installed."""
    trouble: str
    """What is wrong with it, as the end of a sentence that begins with its name."""

    @property
    def name(self) -> str:
        return self.requirement.name

    @property
    def text(self) -> str:
        """Its name, version, and what is wrong with it."""
        return " ".join(filter(None, (self.name, self.version, self.trouble)))

    @property
    def loads(self) -> bool:
        """Whether it can be imported, be it too old or not."""
        return bool(self.version) and "cannot be imported" not in self.trouble


def _is_there(module: str) -> bool:
    # The outermost package alone: to look inside, Python would import it.
    try:
        return find_spec(module.partition(".")[0]) is not None
    except ValueError:  # a program has put something of its own there
        return False


def _looked_up(requirement: Requirement, became: Mapping[str, Trial]) -> _Package:
    trial = became.get(module_of(requirement.name))
    if trial is None:
        return _Package(requirement, "", "missing")
    try:
        version = metadata.version(requirement.name) or "of unknown version"
    except metadata.PackageNotFoundError:  # another build of it, such as opencv-python
        version = trial.version or "of unknown version"
    if trial.error:
        return _Package(requirement, version, f"cannot be imported ({trial.error})")
    try:
        fits = requirement.specifier.contains(version, prereleases=True)
    except ValueError:  # its version is no number, so it was built by hand
        fits = True
    trouble = "" if fits else f"is too old (needs {requirement.specifier})"
    return _Package(requirement, version, trouble)


def _core(package: _Package) -> Finding:
    """A package without which nothing runs."""
    state: State = "fine" if not package.trouble else "note" if package.loads else "broken"
    return Finding(
        section="packages",
        name=package.name,
        state=state,
        said=" ".join(filter(None, (package.version, package.trouble))),
        command=install([package]) if package.trouble else "",
        details={"version": package.version, "trouble": package.trouble},
    )


def _extra(extra: str, packages: Sequence[_Package], others: Sequence[str]) -> Finding:
    """The packages of an extra besides those of other extras, which it has too."""
    wrong = [package for package in packages if package.trouble]
    missing = all(package.trouble == "missing" for package in wrong)
    besides = [f"and what {other} has" for other in others]
    return Finding(
        section="extras",
        name=extra,
        state="fine" if not wrong else "missing" if missing else "note",
        said=", ".join([*(package.text for package in packages), *besides]),
        command=install(wrong) if wrong else "",
        details={
            package.name: {"version": package.version, "trouble": package.trouble}
            for package in packages
        },
    )


def install(packages: Sequence[_Package]) -> str:
    """The command that installs packages, or replaces those that cannot be imported."""
    # Environments that uv made have no pip.
    pip = "pip" if find_spec("pip") is not None else "uv pip"
    broken = any(package.version and not package.loads for package in packages)
    words = [f'"{_without_marker(package.requirement)}"' for package in packages]
    return " ".join([pip, "install", *(["--force-reinstall"] if broken else []), *words])


def _without_marker(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"
