"""What the images of a data set are, from its files."""

from __future__ import annotations

from pathlib import Path

from contextseg.config import RGB
from contextseg.data.bands.proposal import Proposal, propose
from contextseg.data.pair_lists import open_pairs
from contextseg.data.places import places_of
from contextseg.data.suffixes import ARRAY_SUFFIX, IMAGE_SUFFIXES
from contextseg.data.walk import walk


def propose_for(root: str, split: str) -> Proposal | None:
    """How to read the images of a split in one's own folder; None for photos.

    Args:
        root: folder of the data set.
        split: name of the split.

    Raises:
        MissingPackageError: TIFF needs the extra `bands`.
    """
    places = places_of(Path(root), split)
    if places is not None:
        files = walk(places.images).files
    else:
        pairs = open_pairs(Path(root), split, strict=False, images=RGB)
        files = [] if pairs is None else [entry.image for entry in pairs.entries]
    suffixes = IMAGE_SUFFIXES | {ARRAY_SUFFIX}
    return propose(file for file in files if file.suffix.lower() in suffixes)
