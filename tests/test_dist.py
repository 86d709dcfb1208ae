"""What is built for others to install: its bytes and its contents."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest

builders = pytest.importorskip("hatchling.builders.wheel", reason="hatchling builds the package")

from hatchling.builders.sdist import SdistBuilder  # noqa: E402

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "contextseg"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MEBIBYTE = 2**20
IN_SDIST = {"src", "tests", "docs", "benchmarks", "examples", "CHANGELOG.md", "CITATION.cff",
            "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "README.md", "pyproject.toml",
            ".gitignore", "mkdocs.yml", "PKG-INFO"}  # fmt: skip

pytestmark = pytest.mark.slow


def built(root: Path, out: Path) -> tuple[Path, Path]:
    """The wheel and the sdist of a tree."""
    (wheel,) = builders.WheelBuilder(str(root)).build(directory=str(out), versions=["standard"])
    (sdist,) = SdistBuilder(str(root)).build(directory=str(out), versions=["standard"])
    return Path(wheel), Path(sdist)


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> tuple[Path, Path]:
    return built(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(dist) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(dist[0]) as archive:
        yield archive


@pytest.fixture(scope="module")
def sdist(dist) -> Iterator[tarfile.TarFile]:
    with tarfile.open(dist[1]) as archive:
        yield archive


def test_another_clone_at_another_time_gives_the_same_bytes(dist, tmp_path):
    """Neither the folder nor times and permissions of files are in the archives."""
    clone = tmp_path / "elsewhere"
    for name in IN_SDIST - {"PKG-INFO"}:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            clone.mkdir(exist_ok=True)
            shutil.copyfile(place, clone / name)
    for path in clone.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            os.utime(path, (1_000_000_000, 1_000_000_000))
    for ours, theirs in zip(dist, built(clone, tmp_path / "out"), strict=True):
        assert ours.name == theirs.name
        assert ours.read_bytes() == theirs.read_bytes(), ours.name


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    there = {path.relative_to(SOURCE.parent).as_posix() for path in SOURCE.rglob("*")
             if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    assert names == there
    for needed in ("py.typed", "explorer/static/index.html", "explorer/static/annotate.js",
                   "explorer/static/vendor/htm-preact.js", "display/view.css",
                   "report/published.json"):  # fmt: skip
        assert f"contextseg/{needed}" in names
    suffixes = {name.rpartition(".")[2] for name in names if "LICENSE" not in name}
    assert suffixes <= {"py", "typed", "js", "json", "html", "svg", "css", "md"}


def test_the_licences_of_what_is_in_it_are_in_it(wheel):
    licences = {
        name.partition("/licenses/")[2] for name in wheel.namelist() if "/licenses/" in name
    }
    vendor = "src/contextseg/explorer/static/vendor"
    assert licences == {"LICENSE", f"{vendor}/LICENSE-htm", f"{vendor}/LICENSE-preact"}
    assert set(os.listdir(ROOT / vendor)) == {"htm-preact.js", "LICENSE-htm", "LICENSE-preact"}


def test_the_metadata_say_what_it_needs(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    about = message_from_string(wheel.read(name).decode("utf-8"))
    assert about["License-Expression"] == "Apache-2.0 AND MIT"
    assert about["Requires-Python"] == PROJECT["project"]["requires-python"]
    requirements = about.get_all("Requires-Dist") or []
    assert requirements
    # Lower bounds, no upper ones, and nothing from an address.
    assert not [one for one in requirements if re.search(r"<|==\s*\d|~=|@", one.partition(";")[0])]


def test_the_sdist_holds_what_its_users_need(sdist):
    names = [member.name.partition("/")[2] for member in sdist.getmembers()]
    assert {name.partition("/")[0] for name in names} == IN_SDIST
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|\.safetensors$", name)]
    assert not [member.name for member in sdist.getmembers() if not member.isfile()]


def test_archives_are_small_and_name_no_machine(dist, wheel, sdist):
    assert dist[0].stat().st_size < 2 * MEBIBYTE
    assert dist[1].stat().st_size < 6 * MEBIBYTE
    places = [str(ROOT).encode(), str(Path.home()).encode() + b"/"]
    for name in wheel.namelist():
        assert not [place for place in places if place in wheel.read(name)], name
    for member in sdist.getmembers():
        file = sdist.extractfile(member)
        assert file is not None
        content = file.read()
        assert not [place for place in places if place in content], member.name
