"""Models: safetensors and what they say of themselves, checkpoints, exported files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.reliability.fuzz.engine import Target
from benchmarks.reliability.fuzz.files import from_file
from benchmarks.reliability.fuzz.mutation import either, of_bytes, of_json
from tests.hostile import models

CHECKPOINT = {"RunData": {"batches_done": 3}, "global_step": 3, "callbacks": {},
              "state_dict": {"w": torch.zeros(4)}}  # fmt: skip
SETTINGS = (b"norm_cfg = dict(type='SyncBN')\nmodel = dict(type='EncoderDecoder', pretrained=None,"
            b" backbone=dict(type='ResNetV1c', depth=50, strides=(1, 2, 1, 1), dilations=(1, 1, 2, "
            b"4), norm_cfg=norm_cfg), decode_head=dict(type='EncHead', align_corners=False))\n"
            b"img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.4, 57.1, 57.4])\n"
            b"test_pipeline = [dict(type='Normalize', **img_norm_cfg)]\n")  # fmt: skip


def saved(content: Any, **options: Any) -> bytes:
    """What `torch.save` writes."""
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def targets(work: Path) -> list[Target]:
    """Readers of models."""
    from contextseg.config import ModelConfig
    from contextseg.engines.info import KEY, ExportInfo
    from contextseg.interop.formats.mmseg_settings import conventions, parse_settings
    from contextseg.system.weight_files import read_weights
    from contextseg.training.checkpoint_file import read_checkpoint
    from contextseg.weights.contents import description, read_metadata, read_shapes

    model = models.model_file(work / "m.safetensors", "fcn", lambda content: None).read_bytes()
    length = 8 + int.from_bytes(model[:8], "little")
    metadata = read_metadata(work / "m.safetensors")
    described = {name: json.loads(metadata[name]) for name in ("model", "classes")}
    exported = json.loads(models.described()[KEY])
    zipped, plain = saved(CHECKPOINT), saved(CHECKPOINT, _use_new_zipfile_serialization=False)

    def safetensors(path: Path) -> None:
        read_shapes(path)
        description(path, read_metadata(path), ModelConfig)

    def metadata_of(content: bytes) -> object:
        values = json.loads(content)
        parts = values if isinstance(values, dict) else {}
        texts = {name: json.dumps(parts.get(name)) for name in described}
        return description(work / "m.safetensors", texts, ModelConfig)

    def with_checksums(path: Path) -> object:
        return read_checkpoint(path, check=True)

    return [
        Target("safetensors: header", from_file(work / "a.safetensors", safetensors),
               of_bytes((model[: length + 64], model), (b"F32", b"data_offsets"))),
        Target("metadata of models", metadata_of, of_json((described,))),
        Target("metadata of exported files", lambda content: ExportInfo.from_metadata(
            {KEY: content.decode("utf-8", "surrogatepass")}, "x.onnx"),
            either(of_json((exported,)), of_bytes((json.dumps(exported).encode(),)))),
        Target("weights of PyTorch", from_file(work / "a.pth", read_weights),
               of_bytes((zipped, plain), (b"bytearray", b"cposix\nsystem\n", b"\x85R."))),
        Target("checkpoints of a training", from_file(work / "last.ckpt", with_checksums),
               of_bytes((zipped,))),
        Target("configs of mmsegmentation", lambda content: conventions(parse_settings(
            content.decode("utf-8", "replace"))), of_bytes((SETTINGS,))),
    ]  # fmt: skip
