"""Random brightness, contrast, saturation and hue as one affine map of colours."""

from __future__ import annotations

import math

import cv2
import numpy as np

from contextseg.config import AugmentConfig

_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601)."""
_TO_YIQ = np.array([_LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


def jitter(rng: np.random.Generator, image: np.ndarray, config: AugmentConfig) -> np.ndarray:
    """Change the colours of an image at random; returns the image itself if all options are off.

    Brightness scales all values, contrast their distance from the image's mean grey, saturation
    their distance from the pixel's own grey, each by a factor of 1 plus or minus at most the
    option; hue rotates all colours about the grey axis. All four are affine in red, green and blue,
    so they are combined into one matrix, applied once, and nothing is clipped in between.

    Args:
        rng: source of the four random numbers.
        image: [h, w, 3], uint8, RGB.
        config: the options.

    Returns:
        [h, w, 3], uint8.
    """
    strengths = np.array([config.brightness, config.contrast, config.saturation, config.hue])
    if not strengths.any():
        return image
    brightness, contrast, saturation, turn = strengths * rng.uniform(-1, 1, 4)
    grey = float(_LUMA @ cv2.mean(image)[:3])
    return cv2.transform(image, colour_matrix(brightness, contrast, saturation, turn, grey))


def jitter_channels(
    rng: np.random.Generator, pixels: np.ndarray, config: AugmentConfig
) -> np.ndarray:
    """Change brightness and contrast of an image whose channels are no colours.

    Brightness scales all values, contrast their distance from the mean of their channel, by the
    same factors in all channels. Saturation and hue have no meaning here, and no effect.

    Args:
        rng: source of the four random numbers that `jitter` takes.
        pixels: [h, w, C], uint8, or float32 in 0 to 255.
        config: the options.

    Returns:
        [h, w, C] of the same type.
    """
    if not (config.brightness or config.contrast):
        return pixels
    draws = rng.uniform(-1, 1, 4)
    brightness, contrast = config.brightness * draws[0], config.contrast * draws[1]
    mean = pixels.mean(axis=(0, 1), dtype=np.float64)
    factor, shift = (1 + brightness) * (1 + contrast), -(1 + brightness) * contrast * mean
    changed = pixels * np.float32(factor) + shift.astype(np.float32)
    if pixels.dtype == np.uint8:
        changed = changed.round()
    return np.clip(changed, 0, 255).astype(pixels.dtype)


def colour_matrix(
    brightness: float, contrast: float, saturation: float, turn: float, grey: float
) -> np.ndarray:
    """The affine map of colours: [3, 4], float64, on (red, green, blue, 1).

    Args:
        brightness: relative change, above -1; 0 for none.
        contrast: likewise.
        saturation: likewise; -1 leaves grey.
        turn: rotation of the hue, in turns of the colour circle.
        grey: mean grey of the image, 0 to 255, which contrast leaves unchanged.
    """
    bright = (1 + brightness) * np.eye(3)
    spread = (1 + contrast) * bright
    shift = -contrast * (1 + brightness) * grey * np.ones(3)
    saturated = (1 + saturation) * np.eye(3) - saturation * np.outer(np.ones(3), _LUMA)
    cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    turned = _FROM_YIQ @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ _TO_YIQ
    return np.column_stack([turned @ saturated @ spread, turned @ saturated @ shift])
