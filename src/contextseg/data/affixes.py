"""Which mask belongs to which image, from their names alone: `a.jpg` and `a_mask.png`."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

_SEPARATORS = "_-. "
_LABELS = ("label", "mask", "seg", "gt", "class", "ann")
_PHOTOS = ("img", "image", "rgb", "photo", "pic")
_PICTURES = ("color", "colour", "rgb", "inst", "vis", "viz", "overlay", "depth", "edge", "poly")
"""Words in the names of files that accompany masks without being one."""
_CANDIDATES = 8


class Rule(NamedTuple):
    """How names of masks differ from those of images: in their endings or in their beginnings."""

    image: str = ""
    """What images have besides the common part, such as `_leftImg8bit`."""
    mask: str = ""
    """What masks have besides it, such as `_gtFine_labelIds`."""
    at_end: bool = True
    """Whether both are endings; else beginnings of the file name."""

    def mask_of(self, image: str) -> str | None:
        """Name of the mask of an image; None if the image is not named by this rule."""
        return _exchanged(image, self.image, self.mask, self.at_end)

    def image_of(self, mask: str) -> str | None:
        """Name of the image of a mask, likewise."""
        return _exchanged(mask, self.mask, self.image, self.at_end)

    def __str__(self) -> str:
        what = "end" if self.at_end else "begin"
        image = f"names of images {what} with {self.image!r}, " if self.image else ""
        return f"{image}names of masks {what} with {self.mask!r}" if self.mask else image[:-2]


@dataclass(frozen=True, slots=True)
class Pairing:
    """Masks by the names of their images."""

    rule: Rule
    """How their names differ."""
    masks: dict[str, str]
    """Name of each mask by that of its image; of a mask without image, by the name that its image
    should have."""
    others: list[str] = field(default_factory=list)
    """Names of files that belong to images, too, but are not taken: a mask in colours or of
    instances beside the one in ids."""


def pair_names(images: Iterable[str], masks: Iterable[str]) -> Pairing:
    """Find out how masks are named after images, and which belong together.

    Names are equal, or differ by one ending or beginning throughout. Of several kinds of masks of
    the same images, the one whose ending speaks of labels is taken, not of colours or instances.

    Args:
        images: names, relative paths without suffix.
        masks: likewise.
    """
    photos, labels = set(images), set(masks)
    rules = [Rule(), *_candidates(photos, labels)]
    pairs = {rule: {i: m for i in photos if (m := rule.mask_of(i)) in labels} for rule in rules}
    needed = max(1, min(len(photos), len(labels)) / 2)
    good = [rule for rule in rules if len(pairs[rule]) >= needed and _is_plausible(rule, pairs)]
    best = min(good, key=lambda rule: (-len(pairs[rule]), *_oddity(rule)), default=Rule())
    taken = pairs[best]
    used = set(taken.values())
    others = {mask for rule in good if rule != best for mask in pairs[rule].values()} - used
    lone = {best.image_of(mask) or mask: mask for mask in labels - used - others}
    return Pairing(best, {**taken, **lone}, sorted(others))


def _exchanged(name: str, old: str, new: str, at_end: bool) -> str | None:
    folder, slash, stem = name.rpartition("/")
    if at_end:
        if not stem.endswith(old) or stem == old:
            return None
        return f"{folder}{slash}{stem[: len(stem) - len(old)]}{new}"
    if not stem.startswith(old) or stem == old:
        return None
    return f"{folder}{slash}{new}{stem[len(old) :]}"


def _candidates(images: set[str], masks: set[str]) -> list[Rule]:
    """The most frequent differences between a mask and the image whose name is most alike."""
    counts: Counter[Rule] = Counter()
    for at_end in (True, False):
        known = sorted(_split(name, at_end) for name in images)
        for name in masks - images:
            folder, stem = _split(name, at_end)
            place = bisect_left(known, (folder, stem))
            near = [other for parent, other in known[max(0, place - 1) : place + 1]
                    if parent == folder]  # fmt: skip
            rules = (_difference(other, stem, at_end) for other in near)
            counts.update(rule for rule in rules if rule is not None)
    return [rule for rule, _ in counts.most_common(_CANDIDATES)]


def _split(name: str, at_end: bool) -> tuple[str, str]:
    """Folder and file name; the latter backwards where beginnings are compared."""
    folder, _, stem = name.rpartition("/")
    return folder, stem if at_end else stem[::-1]


def _difference(image: str, mask: str, at_end: bool) -> Rule | None:
    common = 0
    while common < min(len(image), len(mask)) and image[common] == mask[common]:
        common += 1
    if image[common:] and mask[common:]:
        # Endings such as _leftImg and _labels share a letter that is part of neither's number.
        last = max(image.rfind(separator, 0, common) for separator in _SEPARATORS)
        common = last if last > 0 else common
    key, rests = image[:common], (image[common:], mask[common:])
    if not key.strip(_SEPARATORS):
        return None
    for rest in rests:
        if rest.strip(_SEPARATORS).isdigit() or (key[-1].isdigit() and rest[:1].isdigit()):
            return None  # numbers tell images apart
    image_rest, mask_rest = rests if at_end else (rests[0][::-1], rests[1][::-1])
    return Rule(image_rest, mask_rest, at_end)


def _is_plausible(rule: Rule, pairs: dict[Rule, dict[str, str]]) -> bool:
    """Whether chance, or two cameras with the same numbers, are unlikely to explain the pairs.

    One pair alone needs a separator. Where images and masks both have something added, one of the
    two must say what they are.
    """
    told = _speaks(rule.mask, _LABELS) or _speaks(rule.image, _PHOTOS)
    if rule.image and rule.mask and not told:
        return False
    edges = ((rest if rule.at_end else rest[::-1])[:1] for rest in (rule.image, rule.mask))
    return len(pairs[rule]) > 1 or all(edge in _SEPARATORS for edge in edges)


def _oddity(rule: Rule) -> tuple[bool, bool, int, str]:
    """Higher for names that speak less of labels."""
    text = rule.mask
    return _speaks(text, _PICTURES), bool(text) and not _speaks(text, _LABELS), len(text), text


def _speaks(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text.lower() for word in words)
