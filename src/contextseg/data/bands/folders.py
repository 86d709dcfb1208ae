"""What the images of a data set are, from its files."""

from __future__ import annotations

from pathlib import Path

from contextseg.config import RGB
from contextseg.data import recognised
from contextseg.data.bands.proposal import Proposal, propose
from contextseg.data.packed.dataset import is_packed, packed_facts
from contextseg.data.pair_lists import open_pairs
from contextseg.data.places import places_of
from contextseg.data.suffixes import ARRAY_SUFFIX, IMAGE_SUFFIXES
from contextseg.data.walk import walk


def propose_for(root: str, split: str, layout: str = "auto") -> Proposal | None:
    """How to read the images of a split; None for photos, which public data sets hold.

    Args:
        root: folder of the data set, or of a pack, which knows.
        split: name of the split.
        layout: as in `contextseg.data.open_dataset`.

    Raises:
        MissingPackageError: TIFF needs the extra `bands`.
    """
    if is_packed(root):
        return packed_facts(root)[1].proposal
    if recognised(root, layout) is not None:
        return None
    places = places_of(Path(root), split)
    if places is not None:
        files = walk(places.images).files
    else:
        pairs = open_pairs(Path(root), split, strict=False, images=RGB)
        files = [] if pairs is None else [entry.image for entry in pairs.entries]
    suffixes = IMAGE_SUFFIXES | {ARRAY_SUFFIX}
    return propose(file for file in files if file.suffix.lower() in suffixes)
