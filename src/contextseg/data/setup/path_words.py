"""What the names of folders and files say: images or masks, which split, which series."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import PurePosixPath

SPLITS = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "eval": "val",
    "test": "test", "testing": "test", "tst": "test",
}  # fmt: skip
"""Our names of splits by those that people use."""

_SET_WORDS = frozenset({"set", "split", "data", "dataset", "stage", "part"})
_MASK_PARTS = ("mask", "label", "annot", "segment", "groundtruth", "trimap")
_MASK_WORDS = frozenset({"gt", "gts", "seg", "segs", "ann", "anns", "anno", "annos", "lbl", "lbls",
                         "truth", "target", "targets", "cls", "parsing"})  # fmt: skip
_IMAGE_PARTS = ("image", "img", "photo", "picture", "frame", "jpeg")
_IMAGE_WORDS = frozenset({"rgb", "jpg", "jpgs", "pic", "pics", "input", "inputs", "orig",
                          "original", "originals", "raw", "source", "src"})  # fmt: skip
_OTHER_PARTS = ("visuali", "overlay", "preview", "instance", "heatmap", "depth", "polygon")
_OTHER_WORDS = frozenset({"vis", "viz", "color", "colors", "colour", "colours", "colored", "inst",
                          "object", "objects", "edge", "edges", "blend"})  # fmt: skip


class Role(Enum):
    """What a folder is said to hold."""

    IMAGES = "images"
    MASKS = "masks"
    OTHERS = "pictures that are neither"
    UNKNOWN = "unknown"


def words_of(name: str) -> list[str]:
    """Words of a name in lower case: `leftImg8bit` has left, img, 8 and bit."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+", name)
    return [part.lower() for part in parts]


def role_of_name(name: str) -> Role:
    """What the name of one folder or file says of its content.

    Words such as `labeled` or `masked` say nothing: images have labels, too.
    """
    words = [word for word in words_of(name) if not word.endswith("ed")]
    if _say(words, _OTHER_WORDS, _OTHER_PARTS):
        return Role.OTHERS
    if _say(words, _MASK_WORDS, _MASK_PARTS):
        return Role.MASKS
    return Role.IMAGES if _say(words, _IMAGE_WORDS, _IMAGE_PARTS) else Role.UNKNOWN


def role_of_folder(folder: PurePosixPath) -> Role:
    """What the folders around a file say: the innermost that says something counts."""
    for name in reversed(folder.parts):
        role = role_of_name(name)
        if role is not Role.UNKNOWN:
            return role
    return Role.UNKNOWN


def without_role(name: str) -> str:
    """The rest of a folder's name without what says images or masks: `train_masks` is `train`."""
    kept = []
    for word in words_of(name):
        if word in _MASK_WORDS | _IMAGE_WORDS:
            continue
        for part in (*_MASK_PARTS, *_IMAGE_PARTS):
            if part in word:
                word = word[: word.index(part)]
        if word:
            kept.append(word)
    return "_".join(kept)


def split_of_path(path: str | PurePosixPath) -> str | None:
    """The split that the innermost folder with such a name stands for; None without one."""
    for name in reversed(PurePosixPath(path).parent.parts):
        found = split_of_name(name)
        if found is not None:
            return found
    return None


def split_of_name(name: str) -> str | None:
    """The split that a name such as `Train`, `valid`, `train2017` or `train_images` stands for."""
    words = [word for word in words_of(without_role(name)) if word not in _SET_WORDS]
    words = [word for word in words if not word.isdigit()]
    return SPLITS.get(words[0]) if len(words) == 1 else None


def series_of(name: str) -> str:
    """What the names of the frames of one video share: all but the number at their end."""
    return re.sub(r"[\W_]*\d+$", "", name)


def _say(words: list[str], whole: frozenset[str], parts: tuple[str, ...]) -> bool:
    return any(word in whole or any(part in word for part in parts) for word in words)
