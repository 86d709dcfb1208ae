"""Images and labels: where they come from, and how training and evaluation see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextseg.data.sample import Dataset

SHAPES = "shapes"
"""The word that stands for drawn scenes where a folder is asked for."""


def open_dataset(root: str, split: str) -> Dataset:
    """The dataset at a folder, or drawn scenes.

    Args:
        root: folder with images, masks and classes.json (`contextseg.data.folder`), or the word
            `shapes` for drawn scenes (`contextseg.data.shapes`; a folder of that name is
            `./shapes`).
        split: which part of it, such as `train`, `val` or `test`.

    Raises:
        ValueError: the folder is not laid out as expected; says what is missing and where.
    """
    if root == SHAPES:
        from contextseg.data.shapes import ShapesDataset

        return ShapesDataset(split)
    from contextseg.data.folder import FolderDataset

    return FolderDataset(root, split)
