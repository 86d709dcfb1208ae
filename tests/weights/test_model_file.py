"""Models on disk."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

import contextseg
from contextseg.data.classes import Classes, ClassInfo
from contextseg.weights import initialise, load_model, save_model
from contextseg.weights.initialise import PER_CLASS


def small(num_classes: int = 3, **options):
    return contextseg.create_model("encnet", backbone="resnet18", num_classes=num_classes,
                                   head_channels=16, aux_channels=8, **options)  # fmt: skip


def test_round_trip_keeps_weights_config_and_classes(tmp_path):
    model = small(variant="paper", align_corners=True, mean=(0.1, 0.2, 0.3))
    classes = Classes.numbered(3)
    save_model(tmp_path / "model.safetensors", model, classes)
    for path in (tmp_path, tmp_path / "model.safetensors"):
        loaded, their_classes = load_model(path)
        assert loaded.config == dataclasses.replace(model.config, pretrained=False)
        assert their_classes == classes
        assert not loaded.training
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, loaded.state_dict()[name]), name


def test_half_stores_weights_in_16_bits_and_norms_as_they_are(tmp_path):
    model = small()
    model.backbone.model.bn1.running_var.fill_(1e6)  # beyond 16 bits
    save_model(tmp_path / "whole.safetensors", model, Classes.numbered(3))
    save_model(tmp_path / "half.safetensors", model, Classes.numbered(3), half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.52 * sizes[1]
    loaded, _ = load_model(tmp_path / "half.safetensors")
    for name, tensor in model.state_dict().items():
        found = loaded.state_dict()[name]
        assert found.dtype == tensor.dtype
        assert torch.equal(found, tensor.half().to(tensor) if tensor.ndim > 1 else tensor), name
    model.head[-1].weight.data[0, 0] = 1e5
    with pytest.raises(ValueError, match=r"head.*has weights that 16 bits cannot hold"):
        save_model(tmp_path / "more.safetensors", model, Classes.numbered(3), half=True)
    assert not (tmp_path / "more.safetensors").exists()


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model at .*expected a folder with"):
        load_model(tmp_path)


def test_broken_and_foreign_files_are_refused(tmp_path):
    file = tmp_path / "model.safetensors"
    save_model(file, small(), Classes.numbered(3))
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ValueError, match="is not a complete safetensors file"):
        load_model(file)
    save_file({"x": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match="does not say of which model"):
        load_model(file)


def test_a_pickle_is_not_executed(tmp_path):
    file = tmp_path / "model.safetensors"
    torch.save({"x": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match="is not a complete safetensors file"):
        load_model(file)


def test_initialise_draws_only_what_has_other_classes(tmp_path):
    old, new = small(3, variant="paper"), small(5, variant="paper")
    save_model(tmp_path / "model.safetensors", old, Classes.numbered(3))
    left = initialise(new, tmp_path)
    assert sorted({name.rsplit(".", 1)[0] for name in left}) == [
        "aux_head.classifier.1",
        "aux_head.encoding.presence",
        "context.encoding.presence",
        "head.1",
    ]
    for name, tensor in new.state_dict().items():
        assert name in left or torch.equal(tensor, old.state_dict()[name]), name


@pytest.mark.parametrize(
    ("names", "kept"),
    [("sky road car", True), ("car sky road", False), ("sky road bus", False), (None, True)],
)
def test_initialise_keeps_a_classifier_only_for_the_same_classes(names, kept, tmp_path):
    save_model(tmp_path / "model.safetensors", small(3), called("sky road car"))
    classes = Classes.numbered(3) if names is None else called(names)
    left = initialise(small(3), tmp_path, classes)
    assert ("head.1.weight" not in left) == kept
    assert ("context.encoding.presence.weight" not in left) == kept
    assert all(name.startswith(PER_CLASS) for name in left)


def called(names: str) -> Classes:
    """Classes of some names, ids in their order."""
    infos = [ClassInfo(i, name, (i, i, i)) for i, name in enumerate(names.split())]
    return Classes("test", tuple(infos))


def test_initialise_refuses_another_make(tmp_path):
    save_model(tmp_path / "model.safetensors", small(3), Classes.numbered(3))
    other = contextseg.create_model("encnet", backbone="resnet18", num_classes=3, head_channels=32)
    with pytest.raises(ValueError, match=r"does not fit this model: .* context.reduction.0.weight"):
        initialise(other, tmp_path)


def test_initialise_refuses_what_learned_behind_another_decoder(tmp_path):
    options = {"backbone": "test_resnet", "num_classes": 3}
    dilated = contextseg.create_model("fcn", **options)
    width = dilated.backbone.channels.c5 // 4  # so that the shapes behind the decoder are the same
    dilated, jpu = (
        contextseg.create_model("fcn", head_channels=width, decoder=decoder, **options)
        for decoder in ("dilated", "jpu")
    )
    save_model(tmp_path / "model.safetensors", jpu, Classes.numbered(3))
    with pytest.raises(ValueError, match=r"such as decoder\.\S+, nothing here .* decoder, context"):
        initialise(dilated, tmp_path)
