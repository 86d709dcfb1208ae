"""Optional dependencies."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType


class MissingPackageError(ValueError):
    """A package is not installed; the message says how to get it."""


def optional(package: str, extra: str) -> ModuleType:
    """Import a package that comes with an extra of contextseg.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f"{package.split('.')[0]} is not installed: pip install 'contextseg[{extra}]' "
            f"({error})."
        ) from error


def check_installed(what: str, packages: tuple[str, ...], extra: str) -> None:
    """Raise unless `packages` are installed, without importing them.

    Args:
        what: what needs them, for the message.
        packages: import names.
        extra: the extra of contextseg that installs them.

    Raises:
        MissingPackageError: one is not installed.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingPackageError(
            f"{what} needs {' and '.join(missing)}: pip install 'contextseg[{extra}]'."
        )
