"""Ablations change what they study and nothing else."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from contextseg import list_models
from contextseg.config import (
    ContextPriorConfig,
    DeepLabV3Config,
    EncodingConfig,
    FCNConfig,
    PSPNetConfig,
)
from contextseg.recipes import RECIPES
from contextseg.recipes.ablations import ABLATIONS, BASE

BASES = [RECIPES[BASE](), RECIPES["fcn_mobilenetv2_camvid"](), RECIPES["encnet_shapes"]()]


def contexts(name, base):
    return {key: config.model.context for key, config in ABLATIONS[name](base).items()}


@pytest.mark.parametrize("name", ABLATIONS)
@pytest.mark.parametrize("base", BASES)
def test_all_but_the_context_is_as_in_the_base(name, base):
    configs = ABLATIONS[name](base)
    assert len(configs) > 1
    for config in configs.values():
        assert replace(config, model=base.model) == base
        assert replace(config.model, context=base.model.context) == base.model
    assert len({repr(config) for config in configs.values()}) == len(configs)


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_has_a_name_and_a_sentence(name):
    assert ABLATIONS[name].__name__ == name
    first = (ABLATIONS[name].__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 90


def test_models_are_all_there_are_and_fcn_is_first():
    configs = ABLATIONS["models"](BASES[0])
    assert sorted(configs) == list_models("segmentation")
    assert next(iter(configs)) == "fcn"
    assert {name: config.model.name for name, config in configs.items()} == {
        name: name for name in configs
    }


def test_the_papers_systems_are_all_models_under_the_names_that_papers_give_them():
    configs = ABLATIONS["papers"](BASES[0])
    assert next(iter(configs)) == "FCN"
    assert list(configs)[-2:] == ["EncNet", "CPNet"]
    assert {name: config.model.title for name, config in configs.items()} == {
        name: name for name in configs
    }
    assert {config.model.name for config in configs.values()} == set(list_models("segmentation"))


def test_options_of_the_bases_own_module_hold():
    base = BASES[2]
    own = EncodingConfig(variant="reference", num_codewords=16)
    assert base.model.context == own
    assert contexts("models", base)["encnet"] == base.model.context
    assert contexts("se_weight", base)["α = 0.4"] == replace(own, se_weight=0.4)
    assert contexts("codewords", base)["K = 64"] == replace(own, num_codewords=64)


def test_values_of_the_papers():
    base = BASES[1]
    weights = [context.se_weight for context in contexts("se_weight", base).values()]
    assert weights == [0, 0.1, 0.2, 0.4, 0.8]
    counts = [context.num_codewords for context in contexts("codewords", base).values()]
    assert counts == [0, 8, 16, 32, 64]
    sizes = [context.kernel_size for context in contexts("kernel_size", base).values()]
    assert sizes == [1, 3, 5, 7, 9, 11, 15]


def test_the_table_of_encnet():
    assert list(contexts("encnet", BASES[0]).values()) == [
        FCNConfig(),
        EncodingConfig(variant="reference", se_weight=0.0),
        EncodingConfig(variant="reference"),
    ]


def test_the_table_of_encnet_on_a_base_without_se_loss_still_has_it():
    base = BASES[0]
    base = replace(base, model=replace(base.model, context=EncodingConfig(se_weight=0.0)))
    assert contexts("encnet", base)["+ SE-loss"] == EncodingConfig()


def test_the_prior_goes_on_top_of_what_the_baselines_pool_by():
    base = BASES[0]
    own = ContextPriorConfig(groups=2, values="reduced")
    base = replace(base, model=replace(base.model, context=own))
    on_top = replace(own, values="aggregated", aggregation="ppm")
    assert contexts("prior", base) == {
        "PSPNet": PSPNetConfig(),
        "PPM + prior": on_top,
        "DeepLabV3": DeepLabV3Config(),
        "ASPP + prior": replace(on_top, aggregation="aspp"),
    }


def test_the_table_of_cpnet():
    found = contexts("cpnet", BASES[0])
    assert found.pop("FCN") == FCNConfig()
    default = asdict(ContextPriorConfig())
    changed = {
        name: {k: v for k, v in asdict(context).items() if v != default[k]}
        for name, context in found.items()
    }
    assert changed == {
        "intra, BCE": {"contexts": "intra", "global_weight": 0.0},
        "intra, affinity loss": {"contexts": "intra"},
        "inter, BCE": {"contexts": "inter", "global_weight": 0.0},
        "inter, affinity loss": {"contexts": "inter"},
        "both, BCE": {"global_weight": 0.0},
        "both, affinity loss": {},
    }
