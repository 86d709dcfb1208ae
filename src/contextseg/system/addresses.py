"""Addresses of the web and URLs: refused where a path is expected, recognised where they may be."""

from __future__ import annotations

import os
import re

_ADDRESS = re.compile(r"(https?|ftps?|sftp|s3|gs|file|data):", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+(://|::)")


def is_url(text: str) -> bool:
    """Whether a text is a URL, which fsspec opens, not a path."""
    return _URL.match(text) is not None


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
