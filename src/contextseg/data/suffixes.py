"""Suffixes of the files that images and masks are read from."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Of images."""
UNFIT_SUFFIXES = frozenset({".jpg", ".jpeg", ".webp", ".gif"})
"""Of formats whose ids cannot be trusted: JPEG and WebP alter them, and GIFs renumber them."""
MASK_SUFFIXES = IMAGE_SUFFIXES - UNFIT_SUFFIXES
"""Of masks."""
