"""PyTorch files that ask for code, or for more memory than they have."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from tests.hostile.payloads import Touch


def deflated(path: Path, mark: Path) -> None:
    """Four megabytes that become 4.5 GB."""
    del mark
    _save({"state_dict": {"weight": torch.zeros(4)}}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    block = bytes(2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            if name.endswith("data/0"):
                with archive.open(name, "w", force_zip64=True) as entry:
                    for _ in range(4500):
                        entry.write(block)
            else:
                archive.writestr(name, content)


def deflated_pickle(path: Path, mark: Path) -> None:
    """The pickle itself grows: a text of 1.5 GB."""
    del mark
    size = 3 * 2**29
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/version", "3\n")
        archive.writestr("a/byteorder", "little")
        with archive.open("a/data.pkl", "w", force_zip64=True) as entry:
            entry.write(b"\x80\x02X" + struct.pack("<I", size))
            for _ in range(size // 2**20):
                entry.write(b"a" * 2**20)
            entry.write(b".")


def allocating(path: Path, mark: Path) -> None:
    """A call that PyTorch allows: `bytearray(10**10)`."""
    del mark
    path.write_bytes(
        _legacy(b"c__builtin__\nbytearray\n\x8a\x05" + (10**10).to_bytes(5, "little") + b"\x85R.")
    )


def repeated(path: Path, mark: Path) -> None:
    """Weights of gigabytes that are one number each."""
    del mark
    number = torch.zeros(1)
    _save({f"backbone.{i}": number.expand(2**16, 2**14) for i in range(4)}, path)


def shared(path: Path, mark: Path) -> None:
    """A thousand weights in one place."""
    del mark
    numbers = torch.zeros(2**18)
    _save({f"backbone.{i}": numbers for i in range(1000)}, path)


def sparse(path: Path, mark: Path) -> None:
    """A weight of 10^12 numbers, none of which is there."""
    del mark
    none = torch.sparse_coo_tensor(
        torch.zeros(2, 0), torch.zeros(0), (10**6, 10**6), check_invariants=True
    )
    _save({"backbone.weight": none}, path)


def calling(path: Path, mark: Path) -> None:
    """A checkpoint that is code."""
    torch.save({"state_dict": Touch(mark)}, path)


def calling_plainly(path: Path, mark: Path) -> None:
    """Code in the format of before PyTorch 1.6."""
    torch.save({"state_dict": Touch(mark)}, path, _use_new_zipfile_serialization=False)


def nested(path: Path, mark: Path) -> None:
    """Lists in lists, as the names of classes."""
    del mark
    names: list[object] = []
    for _ in range(40):  # each level twice: 2^40 in all
        names = [names, names]
    _save({"meta": {"CLASSES": [names] * 3}, "state_dict": {"weight": torch.zeros(4)}}, path)


def settings(path: Path, mark: Path) -> None:
    """A config of nested brackets beside weights that mmsegmentation might have written."""
    del mark
    state = {"backbone.conv1.weight": torch.zeros(4), "decode_head.conv_seg.weight": torch.zeros(4)}
    _save({"meta": {"cfg": "a = " + "[" * 10**5}, "state_dict": state}, path)


def empty(path: Path, mark: Path) -> None:
    """Nothing at all."""
    del mark
    path.touch()


def truncated(path: Path, mark: Path) -> None:
    """The first half of a checkpoint."""
    del mark
    _save({"weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])


def text(path: Path, mark: Path) -> None:
    """A file of words."""
    del mark
    path.write_text("These are no weights.\n" * 100)


def foreign(path: Path, mark: Path) -> None:
    """A good file of PyTorch without weights by name."""
    del mark
    _save([1, 2, 3], path)


def lying(path: Path, mark: Path) -> None:
    """A tensor of more numbers than its part of the file has."""
    del mark
    _save({"backbone.weight": torch.zeros(4)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            if name.endswith("data.pkl"):  # the number of numbers, and the shape
                content = content.replace(b"K\x04", b"J" + struct.pack("<i", 2**30))
            archive.writestr(name, content)


CHECKPOINTS: dict[str, Callable[[Path, Path], None]] = {
    function.__name__: function
    for function in (
        deflated, deflated_pickle, allocating, repeated, shared, sparse, calling, calling_plainly,
        nested, settings, empty, truncated, text, foreign, lying,
    )
}  # fmt: skip
"""Each writes a file; the second argument is a file that its code creates if it is run."""


def _save(content: object, path: Path) -> None:
    torch.save(content, path)


def _legacy(last: bytes) -> bytes:
    """A file of before PyTorch 1.6 whose content is one pickle."""
    magic, protocol = 0x1950A86A20F9469CFC6C, 1001
    start = b"".join(pickle.dumps(value, 2) for value in (magic, protocol, {}))
    return start + b"\x80\x02" + last + pickle.dumps([], 2)
