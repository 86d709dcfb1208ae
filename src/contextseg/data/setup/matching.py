"""Which pictures in a folder are images, which are masks, and which belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from contextseg.data.affixes import Rule, pair_names
from contextseg.data.places import LISTS
from contextseg.data.setup.path_words import Role, role_of_folder, role_of_name, without_role
from contextseg.data.suffixes import IMAGE_SUFFIXES, MASK_SUFFIXES, UNFIT_SUFFIXES
from contextseg.data.text_files import nfc
from contextseg.data.walk import walk

_LOSSY = UNFIT_SUFFIXES - {".gif"}
_ENOUGH = 6
"""A reading is taken at once if it pairs all that it can, and one in so many pictures is an image
with a mask: previews, instances and images without a mask may be there as well."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its mask."""

    image: Path
    mask: Path
    name: str
    """What the names of both have in common, with folders; unique."""


@dataclass(slots=True)
class Match:
    """The pairs in a folder, and what belongs to none."""

    pairs: list[Pair] = field(default_factory=list)
    """Pairs, sorted by the paths of the images."""
    rule: Rule = field(default_factory=Rule)
    """How the names of masks differ from those of images."""
    images: list[Path] = field(default_factory=list)
    """Images without a mask."""
    masks: list[Path] = field(default_factory=list)
    """Masks without an image."""
    others: list[Path] = field(default_factory=list)
    """Other pictures: masks in colours beside those of ids, previews, second files of a name."""
    unread: list[str] = field(default_factory=list)
    """A message for each folder that cannot be read, and each link that leads nowhere."""


def match_pictures(root: Path, looks_like_mask: Callable[[Path], bool] | None = None) -> Match:
    """Find the pairs of images and masks below a folder, whatever its arrangement.

    Names of folders and files say what is an image and what is a mask; where they do not, formats
    do (JPEG is no mask), and then the content. Of all readings, the one with the most pairs counts.

    Args:
        root: the folder.
        looks_like_mask: reads a picture to tell; None does without.
    """
    found = walk(root)
    unread = [f"{path}: cannot be read ({reason})." for path, reason in found.failed]
    pictures = {
        path: PurePosixPath(nfc(path.relative_to(root).as_posix()))
        for path in found.files
        if path.suffix.lower() in IMAGE_SUFFIXES | UNFIT_SUFFIXES
    }
    pictures = {path: pure for path, pure in pictures.items() if pure.parts[0] != LISTS}
    best = Match()
    for images, masks in _readings(pictures, looks_like_mask):
        for key in _KEYS:
            match = _match(pictures, images, masks, key)
            if len(match.pairs) > len(best.pairs) or not (best.pairs or best.images or best.masks):
                best = match
            complete = len(match.pairs) == min(len(images), len(masks))
            if complete and _ENOUGH * len(match.pairs) >= len(pictures) > 0:
                return _with_others(match, pictures, unread)
    return _with_others(best, pictures, unread)


def _readings(
    pictures: dict[Path, PurePosixPath], looks_like_mask: Callable[[Path], bool] | None
) -> Iterator[tuple[list[Path], list[Path]]]:
    """Ways to tell images from masks, the likeliest first."""
    of = {role: [p for p, pure in pictures.items() if role_of_folder(pure.parent) is role]
          for role in Role}  # fmt: skip
    images, masks, unknown = of[Role.IMAGES], of[Role.MASKS], of[Role.UNKNOWN]
    yield images, masks
    if unknown:
        if masks:
            yield images + unknown, masks
        if images:
            yield images, masks + unknown
    if masks and of[Role.OTHERS] and not images:  # folders such as `color`, but not of instances
        photos = [path for path in of[Role.OTHERS]
                  if looks_like_mask is None or not looks_like_mask(path)]  # fmt: skip
        yield photos + unknown, masks
    everything = [*pictures]
    named = [path for path in everything if role_of_name(path.stem) is Role.MASKS]
    if 0 < len(named) < len(everything):
        rest = sorted(set(everything) - set(named))
        yield [path for path in rest if role_of_name(path.stem) is not Role.OTHERS], named
        yield rest, named
    lossy = [path for path in everything if path.suffix.lower() in _LOSSY]
    exact = [path for path in everything if path.suffix.lower() in MASK_SUFFIXES]
    if lossy and exact:
        yield lossy, exact
    if looks_like_mask is not None and exact:
        flat = {path for path in exact if looks_like_mask(path)}
        if flat:
            yield [path for path in everything if path not in flat], sorted(flat)
    if of[Role.OTHERS] and not masks:
        yield images + unknown, of[Role.OTHERS]


def _with_others(match: Match, pictures: dict[Path, PurePosixPath], unread: list[str]) -> Match:
    match.unread = unread
    used = {path for pair in match.pairs for path in (pair.image, pair.mask)}
    used |= {*match.images, *match.masks}
    match.others = sorted(path for path in pictures if path not in used)
    return match


def _match(
    pictures: dict[Path, PurePosixPath],
    images: list[Path],
    masks: list[Path],
    key: Callable[[PurePosixPath], str],
) -> Match:
    photos = _keyed(pictures, images, key, IMAGE_SUFFIXES)
    labels = _keyed(pictures, masks, key, MASK_SUFFIXES)
    found = pair_names(photos, labels)
    pairs = {i: m for i, m in found.masks.items() if i in photos and m in labels}
    used = {*pairs.values(), *found.others}
    return Match(
        sorted((Pair(photos[i], labels[m], i) for i, m in pairs.items()), key=lambda p: p.image),
        found.rule,
        sorted(path for name, path in photos.items() if name not in pairs),
        sorted(path for name, path in labels.items() if name not in used),
    )


def _keyed(
    pictures: dict[Path, PurePosixPath],
    paths: list[Path],
    key: Callable[[PurePosixPath], str],
    preferred: frozenset[str],
) -> dict[str, Path]:
    """Files by their names in `pair_names`; of several, the first one of the preferred kind."""
    found: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: path.suffix.lower() not in preferred):
        found.setdefault(key(pictures[path].with_suffix("")), path)
    return found


def _joined(folders: list[str], path: PurePosixPath) -> str:
    return "/".join([*(folder for folder in folders if folder), path.name])


_KEYS: tuple[Callable[[PurePosixPath], str], ...] = (
    # images/train/a and masks/train/a; train_images/a and train_masks/a; s/rgb/a and s/gt/a
    lambda path: _joined([f if role_of_name(f) is Role.UNKNOWN else without_role(f)
                          for f in path.parent.parts], path),
    # leftImg8bit/train/a and gtFine/train/a
    lambda path: _joined([f for f in path.parent.parts if role_of_name(f) is Role.UNKNOWN], path),
    # x/s/a and y/s/a
    lambda path: _joined([*path.parent.parts[1:]], path),
    # s/x/a and s/y/a
    lambda path: _joined([*path.parent.parts[:-1]], path),
    lambda path: path.name,
)  # fmt: skip
"""What the paths of an image and its mask may have in common, the surest first."""
