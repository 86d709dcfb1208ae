"""Addresses of the web where the path of a file is expected."""

from __future__ import annotations

import os
import re

_ADDRESS = re.compile(r"(https?|ftps?|sftp|s3|gs|file|data):", re.IGNORECASE)


def refuse_address(path: str | os.PathLike[str]) -> None:
    """Raise ValueError for an address such as `https://example.org/photo.jpg`; paths pass.

    A file whose name begins like an address is given as `./http:...`.
    """
    text = os.fspath(path)
    if _ADDRESS.match(text):
        # A pathlib.Path has made one slash of two.
        address = re.sub("^([A-Za-z0-9]+):/(?!/)", r"\1://", text)
        raise ValueError(
            f"{address} is an address, not a path, and contextseg fetches nothing from the web. "
            f"Download the file, and give its path."
        )
