"""Parameter groups, schedule and class weights."""

from __future__ import annotations

import pytest
import torch

import contextseg
from contextseg.config import LossConfig, OptimConfig
from contextseg.training.class_weights import class_weights
from contextseg.training.optim import build_optimiser, schedule


def model():
    return contextseg.create_model("encnet", backbone="test_resnet", num_classes=3,
                                   head_channels=16, aux_channels=8)  # fmt: skip


def test_groups_hold_every_parameter_once_at_its_rate_and_decay():
    net = model()
    optimiser = build_optimiser(net, OptimConfig(lr=0.01, weight_decay=0.1))
    of = {id(p): g for g in optimiser.param_groups for p in g["params"]}
    assert sum(len(g["params"]) for g in optimiser.param_groups) == len(list(net.parameters()))
    for name, parameter in net.named_parameters():
        group = of[id(parameter)]
        assert group["lr"] == pytest.approx(0.01 if name.startswith("backbone.") else 0.1)
        plain = parameter.ndim > 1 and "codewords" not in name
        assert group["weight_decay"] == (0.1 if plain else 0.0), name


def test_the_context_module_can_have_a_rate_of_its_own():
    net = model()
    config = OptimConfig(lr=0.01, head_lr_factor=2.0, context_lr_factor=10.0)
    optimiser = build_optimiser(net, config)
    of = {id(p): g["lr"] for g in optimiser.param_groups for p in g["params"]}
    rates = {"backbone": 0.01, "context": 0.2, "head": 0.02, "aux_head": 0.02}
    for name, parameter in net.named_parameters():
        assert of[id(parameter)] == pytest.approx(rates[name.split(".")[0]]), name


def test_all_can_be_decayed():
    optimiser = build_optimiser(model(), OptimConfig(decay_all=True))
    assert {g["weight_decay"] for g in optimiser.param_groups} == {1e-4}


def test_adamw_takes_the_same_groups():
    net = model()
    config = OptimConfig(name="adamw", lr=0.001, momentum=0.8, squares_decay=0.99)
    optimiser = build_optimiser(net, config)
    assert type(optimiser) is torch.optim.AdamW
    assert {g["betas"] for g in optimiser.param_groups} == {(0.8, 0.99)}
    same = build_optimiser(net, OptimConfig(lr=0.001))
    for ours, sgd in zip(optimiser.param_groups, same.param_groups, strict=True):
        assert [id(p) for p in ours["params"]] == [id(p) for p in sgd["params"]]
        assert (ours["lr"], ours["weight_decay"]) == (sgd["lr"], sgd["weight_decay"])


def test_nesterov_is_refused_with_adamw():
    with pytest.raises(ValueError, match="nesterov is a form of SGD, not of adamw"):
        OptimConfig(name="adamw", nesterov=True)


def test_poly_schedule_by_hand():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    rates = schedule(optimiser, OptimConfig(power=2.0), steps=4)
    seen = []
    for _ in range(5):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        rates.step()
    assert seen == pytest.approx([1, 9 / 16, 4 / 16, 1 / 16, 0])


def test_warm_up_rises_to_the_full_rate():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    rates = schedule(optimiser, OptimConfig(warmup_steps=3), steps=10)
    seen = []
    for _ in range(10):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        rates.step()
    assert seen[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert seen[3:] == sorted(seen[3:], reverse=True)


def test_balanced_class_weights():
    weights = class_weights(LossConfig(class_weights="balanced"), [400, 100, 0])
    assert weights.tolist() == pytest.approx([2 / 3, 4 / 3, 1.0])
    assert class_weights(LossConfig(), [1, 2]) is None
    with pytest.raises(ValueError, match="one number for each of the 2 classes, got 3"):
        class_weights(LossConfig(class_weights=(1.0, 2.0, 3.0)), [1, 2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_fused_steps_are_the_plain_ones_to_rounding(name, dtype):
    """Twenty steps, in channels-last order."""
    ends = []
    for fused in (True, False):
        torch.manual_seed(0)
        weight = torch.nn.Parameter(
            torch.randn(8, 6, 3, 3, dtype=dtype).contiguous(memory_format=torch.channels_last)
        )
        network = torch.nn.ParameterDict({"weight": weight, "bias": torch.randn(8, dtype=dtype)})
        optimiser = build_optimiser(network, OptimConfig(name=name, lr=0.01, weight_decay=0.1))
        assert all(group["fused"] for group in optimiser.param_groups)
        for group in optimiser.param_groups:
            group["fused"] = fused
        for _ in range(20):
            for parameter in network.values():
                parameter.grad = torch.randn_like(parameter)
            optimiser.step()
        ends.append([parameter.detach().clone() for parameter in network.values()])
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    for ours, plain in zip(*ends, strict=True):
        torch.testing.assert_close(ours, plain, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["sgd", "adamw", "lion"])
def test_a_state_in_another_order_is_taken_as_what_it_is(name):
    """Checkpoints of weights that were not yet in channels-last order."""
    ends = []
    for stored in (torch.channels_last, torch.contiguous_format):
        torch.manual_seed(0)
        weight = torch.randn(8, 6, 3, 3).contiguous(memory_format=torch.channels_last)
        network = torch.nn.ParameterDict({"weight": weight})
        config = OptimConfig(name=name, lr=0.01)
        first, second = build_optimiser(network, config), build_optimiser(network, config)
        network["weight"].grad = torch.randn_like(weight)
        first.step()
        state = first.state_dict()
        for values in state["state"].values():
            for key, value in values.items():
                if torch.is_tensor(value) and value.ndim == 4:
                    values[key] = value.contiguous(memory_format=stored)
        second.load_state_dict(state)
        second.step()
        ends.append(network["weight"].detach().clone())
    assert torch.equal(*ends)
