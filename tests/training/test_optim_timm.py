"""timm's optimisers by name, and rates that fall from layer to layer."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn

import contextseg
from contextseg.config import OptimConfig
from contextseg.config.io import merged
from contextseg.config.optimisers import timm_optimisers
from contextseg.recipes import encnet_mobilenetv2_camvid
from contextseg.training.optim import build_optimiser, schedule

SOME = ("lion", "lamb", "adam", "nadamw", "adafactor", "lars", "muon", "rmsprop", "sgdw")
"""One of each kind; a machine's timm has about eighty."""


def toy(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 5))


def step(model: nn.Module, optimiser: torch.optim.Optimizer, seed: int) -> None:
    images = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    optimiser.zero_grad()
    model(images).square().mean().backward()
    optimiser.step()


@pytest.mark.parametrize("name", SOME)
def test_an_optimiser_of_timm_steps_and_resumes_to_the_last_bit(name):
    config = OptimConfig(name=name, lr=1e-3)
    whole, first, second = toy(), toy(), toy(1)
    optimiser = build_optimiser(whole, config)
    assert "timm" in type(optimiser).__module__ or "torch" in type(optimiser).__module__
    for seed in range(4):
        step(whole, optimiser, seed)
    optimiser = build_optimiser(first, config)
    for seed in range(2):
        step(first, optimiser, seed)
    file = io.BytesIO()
    torch.save([first.state_dict(), optimiser.state_dict()], file)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)  # as checkpoints are read
    second.load_state_dict(weights)
    optimiser = build_optimiser(second, config)
    optimiser.load_state_dict(state)
    for seed in range(2, 4):
        step(second, optimiser, seed)
    for one, other, start in zip(whole.parameters(), second.parameters(), toy().parameters(),
                                 strict=True):  # fmt: skip
        assert torch.equal(one, other)
        assert not torch.equal(one, start)


def test_groups_and_schedule_are_those_of_sgd():
    model = contextseg.create_model("encnet", backbone="test_resnet", num_classes=3,
                                    head_channels=16, aux_channels=8)  # fmt: skip
    options = {"lr": 0.001, "weight_decay": 0.1, "context_lr_factor": 2.0}
    lion, sgd = (build_optimiser(model, OptimConfig(name=name, **options))
                 for name in ("lion", "sgd"))  # fmt: skip
    for ours, same in zip(lion.param_groups, sgd.param_groups, strict=True):
        assert [id(p) for p in ours["params"]] == [id(p) for p in same["params"]]
        assert (ours["lr"], ours["weight_decay"]) == (same["lr"], same["weight_decay"])
    schedule(lion, OptimConfig(warmup_steps=1), steps=10)
    assert lion.param_groups[0]["lr"] == pytest.approx(0.0005)


@pytest.mark.parametrize(("name", "meant"), [
    ("AdamW", "adamw"), ("lyon", "lion"), ("adamm", "adam"), ("sdg", "sgd")])  # fmt: skip
def test_a_misspelt_optimiser_is_refused_with_the_nearest_names(name, meant):
    with pytest.raises(ValueError, match=rf"there is no optimiser '{name}'.*{meant}"):
        OptimConfig(name=name)


def test_optimisers_that_a_step_cannot_serve_are_left_out():
    for name in ("adahessian", "kron", "kronw"):  # second derivatives; a compiler and a minute
        with pytest.raises(ValueError, match=f"there is no optimiser '{name}'"):
            OptimConfig(name=name)
    assert len(timm_optimisers()) > 60


def test_options_that_an_optimiser_lacks_are_refused():
    with pytest.raises(ValueError, match="squares_decay is an option of adamw; lion has its own"):
        OptimConfig(name="lion", squares_decay=0.99)
    with pytest.raises(ValueError, match=r"momentum is an option of .*; lion has its own"):
        OptimConfig(name="lion", momentum=0.8)
    with pytest.raises(ValueError, match="nesterov is a form of SGD, not of lion"):
        OptimConfig(name="lion", nesterov=True)
    groups = build_optimiser(toy(), OptimConfig(name="rmsprop", momentum=0.8)).param_groups
    assert {group["momentum"] for group in groups} == {0.8}


@pytest.mark.skipif(torch.cuda.is_available(), reason="they work on a GPU")
@pytest.mark.parametrize("name", ["bnbadamw8bit", "fusedlamb"])
def test_one_that_needs_a_gpu_says_so(name):
    with pytest.raises(ValueError, match=f"optim.name: {name} cannot work here: CUDA required"):
        build_optimiser(toy(), OptimConfig(name=name))


def test_another_optimiser_over_a_recipe_keeps_its_other_options():
    recipe = encnet_mobilenetv2_camvid()
    changed = merged(recipe, {"optim": {"name": "adamw"}}).optim
    kept = ("lr", "weight_decay", "schedule", "head_lr_factor", "warmup_steps")
    assert all(getattr(changed, key) == getattr(recipe.optim, key) for key in kept)
    assert changed.name == "adamw"


def test_the_papers_optimisers_import_no_timm():
    code = (
        "import sys; from contextseg.config import OptimConfig; OptimConfig(name='adamw'); "
        "print('timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(("backbone", "to_timm"), [
    ("test_resnet", lambda name: name),
    ("test_convnext", lambda name: re.sub(r"^(stem|stages)_(\d)", r"\1.\2", name)),
    ("test_efficientnet", lambda name: name),
    ("test_vit", lambda name: name.removeprefix("model.")),
])  # fmt: skip
def test_layer_decay_is_timm_s(backbone, to_timm):
    model = contextseg.create_model("fcn", backbone=backbone, num_classes=3, head_channels=16,
                                    aux_channels=8)  # fmt: skip
    config = OptimConfig(lr=0.01, head_lr_factor=2.0, layer_decay=0.7)
    rates = {id(p): group["lr"] for group in build_optimiser(model, config).param_groups
             for p in group["params"]}  # fmt: skip
    whole = timm.create_model(backbone, num_classes=3)
    scales = {id(p): group["lr_scale"] for group in param_groups_layer_decay(whole, layer_decay=0.7)
              for p in group["params"]}  # fmt: skip
    of_timm = {name: scales[id(p)] for name, p in whole.named_parameters()}
    seen = set()
    for name, parameter in model.named_parameters():
        inner = name.removeprefix("backbone.model.")
        expected = 0.01 * of_timm[to_timm(inner)] if inner != name else 0.02
        if name.startswith("backbone.pyramid."):
            expected = 0.01
        assert rates[id(parameter)] == pytest.approx(expected), name
        seen.add(rates[id(parameter)])
    assert len(seen) >= 5
    assert min(seen) < 0.01 * 0.7**3


def test_layer_decay_of_a_classifier():
    model = contextseg.create_model("timm", backbone="test_resnet", num_classes=3)
    optimiser = build_optimiser(model, OptimConfig(lr=0.01, layer_decay=0.5))
    rates = sorted({group["lr"] for group in optimiser.param_groups})
    # The stem, four blocks, and the head: as in a segmentation network, the last block is at 1.
    assert rates == pytest.approx([0.01 * 0.5**depth for depth in (5, 4, 3, 2, 1)] + [0.1])
    plain = contextseg.create_model("resnet14", num_classes=3)
    with pytest.raises(ValueError, match="layer_decay: this network has no timm model"):
        build_optimiser(plain, OptimConfig(layer_decay=0.5))
    with pytest.raises(ValueError, match=r"layer_decay must be above 0.*freeze_backbone"):
        OptimConfig(layer_decay=0)
