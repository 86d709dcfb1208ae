"""Arrays as they travel to the page: raw little-endian bytes, shape and type in headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from starlette.responses import Response

LARGEST_HALF = 65504.0
"""Largest number of float16."""


def array_response(array: np.ndarray, headers: dict[str, str] | None = None) -> Response:
    """A response that holds an array: X-Shape is such as `11,45,60`, X-Dtype such as `float16`."""
    from starlette.responses import Response

    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    described = {"X-Shape": ",".join(map(str, array.shape)), "X-Dtype": array.dtype.name}
    return Response(
        little.tobytes(),
        media_type="application/octet-stream",
        headers=described | (headers or {}),
    )


def halved(array: np.ndarray) -> np.ndarray:
    """float16; numbers beyond its range become its largest."""
    return np.clip(array, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
