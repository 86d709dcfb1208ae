"""Masks that hold no classes: photos, and masks that were compressed, smoothed or numbered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.setup.mask_values import MaskValues

_MANY_IN_ONE = 64
"""More values than one mask of classes has."""
_FLAT = 0.3
"""Of pixels like their neighbours, photos have less."""
_EDGES = 3
"""Values that only occur along edges, where fewer may be thin objects."""
_AGAIN = "Export the masks again as PNG, unscaled or scaled with nearest-neighbour interpolation"


def require_classes(values: Sequence[MaskValues], paths: Sequence[Path]) -> None:
    """Raise if masks cannot hold classes.

    Args:
        values: of all masks, at least one.
        paths: their files.

    Raises:
        ValueError: the masks are photos; or have been compressed or smoothed, so that there are
            more values than classes; or have more values than there can be classes.
    """
    numbers = np.array([each.num_values for each in values])
    worst = paths[int(numbers.argmax())]
    codes, pixels, inner = totals(values)
    what = "colours" if any(each.are_colors for each in values) else "values"
    flat = inner.sum() / pixels.sum()
    middle = float(np.median(numbers))
    if middle > _MANY_IN_ONE and flat < _FLAT:
        raise ValueError(
            f"{worst}: has {numbers.max()} {what} and hardly two equal pixels side by side, as a "
            f"photo has, and so have most of the {len(values)} masks. Masks hold one value per "
            f"class. Are these the images, overlays or heat maps, or masks that were saved as JPEG?"
        )
    thin = int((inner == 0).sum())
    smooth = thin >= _EDGES and 2 * thin > len(codes)
    if smooth or (middle > _MANY_IN_ONE and what == "colours"):
        likely = sorted(_shown(code, what) for code in codes[np.argsort(-pixels)][: _few(pixels)])
        raise ValueError(
            f"{worst}: has {numbers.max()} {what}, and the {len(values)} masks have {len(codes)} "
            f"of them; {len(likely)} ({', '.join(likely[:10])}) cover 95% of the pixels, and "
            f"{thin} occur only along edges. The masks have been compressed (JPEG), smoothed or "
            f"scaled with interpolation. {_AGAIN}."
        )
    if len(codes) > IGNORED + 1:
        raise ValueError(
            f"{worst}: has {numbers.max()} {what}, and the {len(values)} masks have {len(codes)} "
            f"of them, where 255 classes are the most. If they number objects, export masks of "
            f"classes instead."
        )


def totals(values: Sequence[MaskValues]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes in all masks, ascending, their pixels and their pixels like all neighbours: [k] each.

    See `MaskValues.codes`.
    """
    codes, place = np.unique(np.concatenate([each.codes for each in values]), return_inverse=True)
    pixels, inner = (
        np.bincount(place, np.concatenate(counts), len(codes)).astype(np.int64)
        for counts in ([each.pixels for each in values], [each.inner for each in values])
    )
    return codes, pixels, inner


def _few(pixels: np.ndarray) -> int:
    """How many values cover 95% of the pixels."""
    shares = np.cumsum(np.sort(pixels)[::-1]) / pixels.sum()
    return int(np.searchsorted(shares, 0.95)) + 1


def _shown(code: int, what: str) -> str:
    return str(int(code)) if what == "values" else str([int(code) >> s & 255 for s in (16, 8, 0)])
