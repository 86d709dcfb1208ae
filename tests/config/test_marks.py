"""What is known of options beside their values, and defaults that stand in two places."""

from __future__ import annotations

import inspect

import pytest

from contextseg import context
from contextseg.config import (
    ClassifierAugmentConfig,
    ClassifierDataConfig,
    ContextPriorConfig,
    DeconvNetConfig,
    DeepLabV2Config,
    DeepLabV3Config,
    DilatedNetConfig,
    EncodingConfig,
    FCNConfig,
    ModelConfig,
    PSPNetConfig,
    RefineNetConfig,
    TrainConfig,
    classification,
)
from contextseg.config.classification import ClassifierConfig, ClassifierTrainConfig
from contextseg.config.marks import marked
from contextseg.config.networks import DeepTENConfig, EncNet14Config

SEGMENTATION = TrainConfig(model=ModelConfig(context=ContextPriorConfig()))
CLASSIFICATION = ClassifierTrainConfig(model=ClassifierConfig(network=DeepTENConfig()))
WITHOUT_EFFECT = {"out", "device", "timeout", "gradient_checkpointing", "log_every",
                  "checkpoint_every", "logger", "pictures", "data.workers"}  # fmt: skip
PROCESSES = {"devices", "nodes"}


def test_options_without_effect():
    assert marked(SEGMENTATION, "without_effect") == {*WITHOUT_EFFECT, "data.check",
                                                       "model.temperature"}  # fmt: skip
    assert marked(CLASSIFICATION, "without_effect") == WITHOUT_EFFECT


def test_options_that_may_change_on_resume():
    also = {"data.root", "data.check", "init_from", "compile", "model.pretrained",
            "model.temperature"}  # fmt: skip
    assert marked(SEGMENTATION, "free_on_resume") == WITHOUT_EFFECT | PROCESSES | also
    also = {"data.root", "compile", "model.network.pretrained"}
    assert marked(CLASSIFICATION, "free_on_resume") == WITHOUT_EFFECT | PROCESSES | also


def test_options_that_training_resolves():
    sizes = {"augment.crop", "batch_size", "epochs", "optim.lr", "val_every"}
    prior = {"model.context.prior_grid"}
    assert marked(SEGMENTATION, "resolved") == {"model.num_classes"} | sizes | prior
    assert marked(TrainConfig(), "resolved") == {"model.num_classes"} | sizes


@pytest.mark.parametrize(
    ("module", "config"),
    [
        (context.Encoding, EncodingConfig),
        (context.ContextEncoding, EncodingConfig),
        (context.EncNetContext, EncodingConfig),
        (context.EncodingGate, EncNet14Config),
        (context.Aggregation, ContextPriorConfig),
        (context.ContextPrior, ContextPriorConfig),
        (context.CPNetContext, ContextPriorConfig),
        (context.PyramidPooling, PSPNetConfig),
        (context.ASPP, DeepLabV3Config),
        (context.FCNContext, FCNConfig),
        (context.DilatedClassifiers, DeepLabV2Config),
        (context.DilatedNetContext, DilatedNetConfig),
        (context.RefineNetContext, RefineNetConfig),
        (context.DeconvNetContext, DeconvNetConfig),
    ],
)
def test_a_module_has_the_defaults_of_its_config(module, config):
    parameters = inspect.signature(module).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    shared = {name: value for name, value in defaults.items() if hasattr(config(), name)}
    assert shared
    assert shared == {name: getattr(config(), name) for name in shared}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LabelledDataConfig", ClassifierDataConfig),
        ("LabelledAugmentConfig", ClassifierAugmentConfig),
    ],
)
def test_renamed_configs_keep_their_old_names(old, new):
    with pytest.warns(DeprecationWarning, match=f"{old} is called {new.__name__} now"):
        assert getattr(classification, old) is new
    with pytest.raises(AttributeError, match="has no attribute 'LabelledNothing'"):
        _ = classification.LabelledNothing
