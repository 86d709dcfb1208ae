"""Torch devices by name."""

from __future__ import annotations

import torch


def choose_device(device: str | torch.device) -> torch.device:
    """A torch device from its name; `auto` is a GPU if there is one.

    Raises:
        ValueError: there is no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise ValueError(
            f"device must be auto, cpu, cuda, cuda:N or mps, got {device!r}."
        ) from None
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {device} requested, but PyTorch finds no GPU here. Use cpu.")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {device} requested, but PyTorch finds no Apple GPU. Use cpu.")
    return chosen
