"""Suffixes of the files that images and masks are read from."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Of images."""
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".webp"})
"""Of formats that may alter the ids of a mask."""
MASK_SUFFIXES = IMAGE_SUFFIXES - LOSSY_SUFFIXES | {".gif"}
"""Of masks."""
