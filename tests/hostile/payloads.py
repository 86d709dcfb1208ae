"""Code that hostile files ask to be run, and the files that ask for it."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

Change = Callable[[str, bytes], bytes]
"""From the name and content of an archive's entry to its new content."""


class Touch:
    """Pickled, it creates a file as soon as it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, (f"open({str(self.mark)!r}, 'w').close()",)


def pickled(mark: Path) -> bytes:
    """A pickle that creates `mark`."""
    content = io.BytesIO()
    pickle.dump(Touch(mark), content)
    return content.getvalue()


def rewritten(source: Path, target: Path, change: Change) -> Path:
    """An archive with the content of its entries changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


class Pixelwise(nn.Module):
    """One convolution, enough for an archive with every part."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.convolution(image)


def program(path: Path) -> Path:
    """A harmless .pt2 file with a size that is not fixed."""
    rows = torch.export.Dim("rows", min=32, max=4096)
    example = (torch.zeros(1, 3, 64, 64),)
    exported = torch.export.export(Pixelwise(), example, dynamic_shapes=({2: rows},))
    torch.export.save(exported, path)
    return path


def in_sample_inputs(mark: Path) -> Change:
    """PyTorch unpickles the sample inputs, whatever they call."""
    return lambda name, content: (
        pickled(mark) if name.endswith("sample_inputs/model.pt") else content
    )


def in_a_weight(mark: Path) -> Change:
    """A weight may say of itself that it is a pickle."""

    def change(name: str, content: bytes) -> bytes:
        if name.endswith("model_weights_config.json"):
            return content.replace(b'"use_pickle": false', b'"use_pickle": true')
        return pickled(mark) if name.endswith("weight_0") else content

    return change


def in_a_size(mark: Path) -> Change:
    """Sizes are expressions, which sympy evaluates as Python."""
    code = json.dumps(f"__import__('pathlib').Path({str(mark)!r}).touch() or Integer(64)")

    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return content
        start = content.index(b"\"Symbol('")
        end = content.index(b'"', start + 1) + 1
        return content[:start] + code.encode() + content[end:]

    return change


WAYS = {"sample-inputs": in_sample_inputs, "weight": in_a_weight, "size": in_a_size}
"""How a .pt2 file runs code, by name."""
