"""Images and labels: their sources, and how training and evaluation read them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from contextseg.system.addresses import refuse_address

if TYPE_CHECKING:
    from contextseg.config import ImagesConfig
    from contextseg.data.folder import FolderDataset
    from contextseg.data.layouts import Recognised
    from contextseg.data.packed.dataset import PackedDataset
    from contextseg.data.pairing import ListedDataset
    from contextseg.data.sample import Dataset
    from contextseg.data.shapes import ShapesDataset

SHAPES = "shapes"
"""The word that selects synthetic scenes instead of a folder."""


def open_dataset(
    root: str,
    split: str,
    layout: str = "auto",
    *,
    strict: bool = True,
    images: ImagesConfig | None = None,
) -> Dataset:
    """Open the dataset in a folder, or synthetic scenes.

    Args:
        root: a folder with images, masks and classes.json (`contextseg.data.folder`), a public
            dataset as it is downloaded or one with its structure and a file of its own classes
            (`contextseg.data.layouts`), either of them packed by `contextseg data pack`, also the
            URL of a pack, or the word `shapes` for synthetic scenes (`contextseg.data.shapes`; a
            folder of that name is `./shapes`).
        split: name of the split, such as `train`, `val` or `test`.
        layout: `folder` for the first, a name of `contextseg.data.layouts.LAYOUTS` for the second;
            `auto` recognises either.
        strict: raise if an image or mask has no partner; else the dataset skips such files and
            lists them in `problems`.
        images: what the images are; None for photos.

    Raises:
        ValueError: the folder is not laid out as expected; the message says what is missing. Or
            other images than photos are asked of a public dataset or of synthetic scenes.
    """
    dataset = _opened(root, split, layout, strict, images)
    dataset.split_sizes = partial(split_sizes, root, layout, images)
    return dataset


def split_sizes(
    root: str, layout: str = "auto", images: ImagesConfig | None = None
) -> dict[str, int | None]:
    """Number of images in each split of the dataset in a folder; None for one that has faults.

    Args:
        root: as in `open_dataset`; synthetic scenes have the splits `train`, `val` and `test`.
        layout: likewise.
        images: likewise.
    """
    sizes: dict[str, int | None] = {}
    for split in ("train", "val", "test") if root == SHAPES else splits_of(root, layout):
        try:
            sizes[split] = len(_opened(root, split, layout, strict=False, images=images))
        except ValueError:
            sizes[split] = None
    return sizes


def _opened(
    root: str, split: str, layout: str, strict: bool, images: ImagesConfig | None
) -> FolderDataset | ListedDataset | PackedDataset | ShapesDataset:
    if root == SHAPES:
        _require_photos(images, "synthetic scenes")
        from contextseg.data.shapes import ShapesDataset

        return ShapesDataset(split)
    from pathlib import Path

    from contextseg.config import RGB
    from contextseg.data.folder import FolderDataset
    from contextseg.data.packed.dataset import PackedDataset, is_packed
    from contextseg.data.pair_lists import open_pairs

    if is_packed(root):
        return PackedDataset(root, split, layout=layout, strict=strict, images=images or RGB)
    refuse_address(root)
    found = recognised(root, layout)
    if found is None:
        images = images or RGB
        pairs = open_pairs(Path(root), split, strict=strict, images=images)
        if pairs is not None:
            return pairs
        return FolderDataset(root, split, strict=strict, images=images)
    _require_photos(images, f"{root}, laid out as {found.layout.name},")
    return found.open(split, strict=strict)


def splits_of(root: str, layout: str = "auto") -> list[str]:
    """Names of the splits of the dataset in a folder, as `open_dataset` takes them.

    Raises:
        ValueError: the folder holds no dataset.
    """
    from contextseg.data.packed.dataset import is_packed, packed_facts

    if is_packed(root):
        return [*packed_facts(root)[1].splits]
    found = recognised(root, layout)
    if found is not None:
        return found.layout.splits(found.base)
    from contextseg.data.folder import folder_splits

    return folder_splits(root)


def recognised(root: str, layout: str = "auto") -> Recognised | None:
    """The dataset in the structure of a public one; None for images and masks, and for a pack."""
    from pathlib import Path

    from contextseg.data.layouts import recognise
    from contextseg.data.packed.dataset import is_packed
    from contextseg.data.places import LISTS, has_pairs

    folder = Path(root)
    if layout == "folder" or not root or is_packed(root):
        return None
    if layout == "auto":
        if any(has_pairs(path) for path in (folder / LISTS).glob("*.txt")):
            return None  # such lists are written for a folder that nothing else can read
        has_classes = (folder / "classes.json").is_file()
        if has_classes and ((folder / "masks").is_dir() or (folder / LISTS).is_dir()):
            return None
        found = recognise(folder)
        # With classes.json, the folder itself is meant, not a public dataset below it.
        return None if has_classes and found is not None and found.base != folder else found
    return recognise(folder, layout)


def _require_photos(images: ImagesConfig | None, what: str) -> None:
    """Raise ValueError if other images than photos are asked of a dataset that holds photos."""
    if images is not None and not images.is_rgb:
        raise ValueError(
            f"{what} hold photos, but {images} are asked for. Images of other channels or values "
            f"are read from folders images and masks, or lists of pairs (docs/data.md). Leave "
            f"data.channels, data.value_range and data.percentiles out for photos."
        )
