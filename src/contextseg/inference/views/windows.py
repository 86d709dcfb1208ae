"""Windows with a halo: each sees its surroundings too, and gives the labels of its own part."""

from __future__ import annotations

from dataclasses import dataclass

MOST_PIXELS = 1.3
"""Pixels that all windows see together, at most, as a multiple of the image's."""


@dataclass(frozen=True, slots=True)
class Span:
    """A window along one dimension: what it sees, and the part of it that is its own."""

    start: int
    """First pixel that it sees."""
    stop: int
    """The pixel after the last one that it sees."""
    first: int
    """First pixel that takes its result from this window."""
    last: int
    """The pixel after the last one that does."""

    @property
    def own(self) -> slice:
        """Its own pixels within what it sees."""
        return slice(self.first - self.start, self.last - self.start)


def overlap_of(side: int, multiple: int = 1) -> int:
    """Pixels that neighbouring windows share: the halos of both.

    As many as keep the pixels of square windows below `MOST_PIXELS` times those of the image, in
    whole multiples; but one multiple at least, where the window is longer than that.

    Args:
        side: pixels of a window, a multiple of `multiple`.
        multiple: pixels between two features of the network.
    """
    most = int(side * (1 - MOST_PIXELS**-0.5)) // multiple * multiple
    return most if most or side <= multiple else min(multiple, side // 2)


def spans(
    length: int, side: int, multiple: int = 1, *, fixed: bool = False, least: int = 32
) -> list[Span]:
    """Windows along one dimension that cover it; none extends beyond its end.

    Windows start at multiples of `multiple`, so that their features lie where those of the whole
    image do. A pixel belongs to the window whose edge is farthest from it.

    Args:
        length: pixels of the image along the dimension, a multiple of `multiple`.
        side: most pixels of a window; a window larger than the image is cut to it.
        multiple: pixels between two features of the network.
        fixed: all windows have exactly `side` pixels, and the last one may see many twice; else
            they share the length evenly, and differ by at most one multiple.
        least: fewest pixels that the network takes; windows of less than twice that are fixed.

    Returns:
        Windows in order; their own parts follow each other without gaps.
    """
    if length <= side:
        return [Span(0, length, 0, length)]
    fixed = fixed or side < 2 * least
    if not fixed:
        side = max(multiple, side // multiple * multiple)
    overlap = overlap_of(side, multiple)
    step = (side - overlap) // multiple * multiple or side - overlap
    number = -(-(length - side) // step) + 1
    if fixed:
        starts = [*range(0, length - side, step), length - side]
        stops = [start + side for start in starts]
    else:
        total = -(-(length - overlap) // multiple)
        units = [total // number + (at < total % number) for at in range(number)]
        starts = [multiple * sum(units[:at]) for at in range(number)]
        stops = [*(start + overlap for start in starts[1:]), length]
    middles = [(stop + start) // 2 for start, stop in zip(starts[1:], stops[:-1], strict=True)]
    edges = [0, *middles, length]
    return [Span(*each) for each in zip(starts, stops, edges[:-1], edges[1:], strict=True)]


def overlap_counts(length: int, starts: list[int], window: int) -> list[int]:
    """Number of windows that cover each pixel of one dimension, [length]."""
    counts = [0] * length
    for start in starts:
        for pixel in range(start, min(start + window, length)):
            counts[pixel] += 1
    return counts
