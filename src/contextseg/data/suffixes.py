"""Suffixes of the files that images, masks and videos are read from."""

from contextseg.config import ImagesConfig

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Of images."""
UNFIT_SUFFIXES = frozenset({".jpg", ".jpeg", ".webp", ".gif"})
"""Of formats whose ids cannot be trusted: JPEG and WebP alter them, and GIFs renumber them."""
MASK_SUFFIXES = IMAGE_SUFFIXES - UNFIT_SUFFIXES
"""Of masks."""
ARRAY_SUFFIX = ".npy"
"""Of images that are no photos; photos are not stored like that."""
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".ts"}
)
"""Of files that are taken for videos."""


def image_suffixes(images: ImagesConfig) -> frozenset[str]:
    """Suffixes of the files that images of a kind are read from."""
    return IMAGE_SUFFIXES if images.is_rgb else IMAGE_SUFFIXES | {ARRAY_SUFFIX}
