"""Configuration to dictionary and YAML and back, and what it says of mistakes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from contextseg.cli.field_texts import field_texts
from contextseg.config import (
    MODELS,
    AugmentConfig,
    EncodingConfig,
    FCNConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)
from contextseg.config.io import (
    HEADER,
    from_dict,
    merged,
    read_mapping,
    read_yaml,
    to_dict,
    to_yaml,
    write_yaml,
)
from contextseg.recipes import RECIPES

UNUSUAL = TrainConfig(
    model=ModelConfig(
        context=EncodingConfig(variant="paper", num_codewords=0, se_weight=1e-7),
        num_classes=11,
        pretrained="weights/ümlaut: #1.pt",
        mean=(0.1, 0.2, 1 / 3),
    ),
    augment=AugmentConfig(base_size=520, crop=(64, 96)),
    loss=LossConfig(class_weights=(1.0, 0.5, 1e-20), ohem_threshold=0.7),
    optim=OptimConfig(lr=1e-5, weight_decay=0.0),
    out="no",
    precision="bf16",
    init_from="123",
)
FCN = TrainConfig(model=ModelConfig(context=FCNConfig(), pretrained=True))
CONFIGS = [TrainConfig(), UNUSUAL, FCN, *(recipe() for recipe in RECIPES.values())]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_survives_yaml_and_json_to_the_last_bit(config, tmp_path):
    path = tmp_path / "deep" / "config.yaml"
    write_yaml(path, config)
    assert read_yaml(path, TrainConfig) == config
    assert from_dict(TrainConfig, json.loads(json.dumps(to_dict(config)))) == config
    assert path.read_text(encoding="utf-8").startswith(HEADER)
    assert [file.name for file in path.parent.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("name", MODELS)
def test_a_context_alone_survives_and_carries_its_name(name):
    context = MODELS[name]()
    plain = to_dict(context)
    assert plain["name"] == name
    assert from_dict(MODELS[name], plain) == context


def test_lists_stand_on_one_line():
    assert "  crop: [480, 480]\n" in to_yaml(TrainConfig())


def test_what_is_left_out_takes_its_default():
    assert from_dict(TrainConfig, {"epochs": 3}) == TrainConfig(epochs=3)


def test_an_empty_file_has_no_options(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("# nothing\n")
    assert read_mapping(path) == {}
    assert read_yaml(path, TrainConfig) == TrainConfig()


def test_numbers_as_people_write_them(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("optim: {lr: 1e-3, weight_decay: 5E-4, power: 1, warmup_steps: 10}\n")
    optim = read_yaml(path, TrainConfig).optim
    assert optim == OptimConfig(lr=1e-3, weight_decay=5e-4, power=1.0, warmup_steps=10)
    assert isinstance(optim.power, float)


def test_merging_replaces_only_what_is_given():
    config = merged(UNUSUAL, {"model": {"context": {"num_codewords": 8}}, "epochs": 2})
    context = replace(UNUSUAL.model.context, num_codewords=8)
    assert config == replace(UNUSUAL, model=replace(UNUSUAL.model, context=context), epochs=2)


def test_merging_another_model_starts_from_its_defaults():
    config = merged(FCN, {"model": {"context": {"name": "encnet", "lateral": True}}})
    assert config.model.context == EncodingConfig(lateral=True)
    assert merged(UNUSUAL, {"model": {"context": {"name": "fcn"}}}).model.context == FCNConfig()


MISTAKES = [
    ({"epoch": 3}, r"^epoch is not an option\. Did you mean epochs\?"),
    ({"model": {"backbones": "x"}}, r"^model\.backbones is not an option\. Did you mean model\.ba"),
    ({"zzz": 3}, r"^zzz is not an option\. Options: model, data, augment"),
    ({3: 3}, r"^3 is not an option"),
    ({"model": {"context": {"name": "encnet", "codewords": 8}}}, r"mean model\.context\.num_codew"),
    (
        {"model": {"context": {"name": "fcn", "zzz": 8}}},
        r"^model\.context\.zzz .*Options: model\.context\.num_c",
    ),
    (
        {"model": {"context": {"name": "fcn", "lateral": True}}},
        r"^model\.context\.lateral is an option of encnet, but model\.context\.name is fcn\.$",
    ),
    ({"model": {"context": {"lateral": True}}}, r"^model\.context\.name is missing.*encnet, fcn"),
    (
        {"model": {"context": {"name": "segnet"}}},
        r"must be one of cpnet, .*encnet, fcn.*, got 'segnet'",
    ),
    ({"model": {"context": "encnet"}}, r"^model\.context must map options to values, got 'encnet'"),
    ({"model": 3}, r"^model must map options to values, got 3"),
    ({"epochs": "3"}, r"^epochs must be a whole number or 'auto', got '3'"),
    ({"epochs": 3.0}, r"^epochs must be a whole number or 'auto', got 3\.0"),
    ({"epochs": True}, r"^epochs must be a whole number or 'auto', got True"),
    ({"optim": {"lr": "fast"}}, r"^optim\.lr must be a number or 'auto', got 'fast'"),
    ({"optim": {"lr": float("nan")}}, r"^optim\.lr must be a number or 'auto', got nan"),
    ({"optim": {"nesterov": 1}}, r"^optim\.nesterov must be true or false, got 1"),
    ({"data": {"root": None}}, r"^data\.root must be text, got None"),
    (
        {"precision": 32},
        r"^precision must be one of 'auto', '32', 'bf16', got 32\. Put it in quotes: '32'",
    ),
    ({"precision": "fp16"}, r"^precision must be one of 'auto', '32', 'bf16', got 'fp16'\.$"),
    (
        {"augment": {"crop": [480]}},
        r"^augment\.crop must be a list of 2 whole numbers or a whole number or 'auto', got \[4",
    ),
    ({"augment": {"crop": [480, 1.5]}}, r"^augment\.crop must be a list of 2 whole numbers"),
    ({"augment": {"crop": True}}, r"^augment\.crop must be a list of 2 whole numbers or a whole"),
    ({"augment": {"base_size": "x"}}, r"^augment\.base_size must be a whole number or null"),
    ({"model": {"pretrained": 1}}, r"^model\.pretrained must be true or false or text, got 1"),
    (
        {"loss": {"class_weights": [1, "a"]}},
        r"^loss\.class_weights must be one of 'none', 'balanced' or a list of numbers",
    ),
    ({"model": {"output_stride": 7}}, r"^model\.output_stride must be one of 8, 16, 32, got 7"),
    (
        {"model": {"context": {"name": "encnet", "num_codewords": -1}}},
        r"^model\.context\.num_codew",
    ),
    ({"batch_size": 3, "devices": 2}, r"^batch_size must divide evenly"),
]


@pytest.mark.parametrize(("values", "message"), MISTAKES)
def test_a_mistake_is_named_by_its_key(values, message):
    with pytest.raises(ValueError, match=message):
        from_dict(TrainConfig, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: 3\nepochs: 4\n", "epochs is given twice.*line 2"),
        ("model: [1, 2", "is not a YAML file of options"),
        ("- epochs\n", r"must map options to values, got \['epochs'\]"),
        ("epochs: soon\n", r"config\.yaml: epochs must be a whole number or 'auto', got 'soon'"),
        ("!!python/object/apply:os.getcwd []\n", "is not a YAML file of options"),
        ("? [a]\n: 1\n", "is not a YAML file of options"),
        ("a: \0", "is not a YAML file of options"),
    ],
)
def test_a_bad_file_is_named(text, message, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_yaml(path, TrainConfig)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.yaml"):
        read_yaml(tmp_path / "absent.yaml", TrainConfig)


def test_options_are_read_without_torch():
    code = "import contextseg.config.io, contextseg.recipes, sys; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def flat(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif f"{prefix}{name}" != "model.context.name":  # says which class the options are of
            yield f"{prefix}{name}", value


def test_the_documentation_lists_every_option_with_its_default_and_help():
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    contexts, common = {}, {}
    for section in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| `([\w.]+)` \| `(.*?)` \| .*? \| (.*) \|$", section, re.MULTILINE)
        options = {key: yaml.safe_load(text) for key, text, _ in rows}
        title = section.splitlines()[0]
        if title.startswith("model.context"):
            name = title.split("`")[1].removeprefix("name: ")
            contexts[name], part = options, MODELS[name]
        else:
            common |= options
            part = TrainConfig if title == "The run" else type(getattr(TrainConfig(), title))
        for key, _, meaning in rows:
            assert meaning == field_texts(part)[key.rpartition(".")[2]], key
    shared = dict(flat(to_dict(TrainConfig())))
    assert common == {k: v for k, v in shared.items() if not k.startswith("model.context.")}
    assert contexts == {
        name: dict(flat(to_dict(kind()), "model.context.")) for name, kind in MODELS.items()
    }
