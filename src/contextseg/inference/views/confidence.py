"""Probabilities and confidence after temperature scaling, from scores of all classes.

The temperature applies to the mean probabilities of all views of an image, as if their logarithms
were the logits: of one view, this is the softmax of its logits divided by the temperature. It does
not change which class has the highest probability.
"""

from __future__ import annotations

from torch import Tensor


def tempered(probabilities: Tensor, temperature: float) -> Tensor:
    """Probabilities [L, ...] after temperature scaling; they add up to 1 over the classes."""
    if temperature == 1:
        return probabilities
    powers = _powers(probabilities, temperature)
    return powers.div_(powers.sum(0))


def confidence_of(probabilities: Tensor, temperature: float) -> Tensor:
    """Highest probability [...] after temperature scaling, of probabilities [L, ...]."""
    if temperature == 1:
        return probabilities.amax(0).clamp_max_(1)  # means of means can round to more
    return _powers(probabilities, temperature).sum(0).reciprocal_()


def _powers(probabilities: Tensor, temperature: float) -> Tensor:
    """Probabilities to the power of 1 / temperature, of which the largest is 1."""
    return (probabilities / probabilities.amax(0)).pow_(1 / temperature)
