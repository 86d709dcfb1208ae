"""Options and YAML files over a recipe's config."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pytest

from contextseg.cli.field_texts import field_texts
from contextseg.cli.overrides import override
from contextseg.cli.parsing import UsageError
from contextseg.config import EncodingConfig, FCNConfig, TrainConfig
from contextseg.config.io import write_yaml
from contextseg.config.networks import ResNet14Config
from contextseg.recipes import RECIPES
from contextseg.recipes.classification import CLASSIFIER_RECIPES

DEMO = RECIPES["demo"]()
FCN = RECIPES["fcn_mobilenetv2_camvid"]()


def applied(config, line, **options):
    return override(config, line.split(), "train x", **options)[0]


def keys(config, prefix=""):
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from keys(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


@pytest.mark.parametrize("name", RECIPES)
def test_no_options_change_nothing(name):
    config = RECIPES[name]()
    assert applied(config, "") == config


@pytest.mark.parametrize("config", [DEMO, FCN])
def test_every_field_is_an_option(config):
    words = []
    for key, value in keys(config):
        text = "null" if value is None else str(value).lower() if value in (True, False) else value
        text = ",".join(map(str, value)) if isinstance(value, tuple) else text
        words += [f"--{key}", str(text)]
    assert override(TrainConfig(model=config.model), words, "train x")[0] == config


def test_options_of_every_kind():
    config = applied(
        DEMO,
        "--optim.lr 1e-3 --augment.crop 64,96 --augment.scale [0.5,2] --loss.class_weights=1,2.5 "
        "--model.pretrained true --model.num_classes 7 --model.context.variant paper "
        "--loss.ohem_threshold 0.7 --augment.base_size null --precision 32",
    )
    assert config.optim.lr == 1e-3
    assert config.augment.crop == (64, 96)
    assert config.augment.scale == (0.5, 2.0)
    assert config.augment.base_size is None
    assert config.loss.class_weights == (1.0, 2.5)
    assert config.loss.ohem_threshold == 0.7
    assert config.model.pretrained is True
    assert config.model.num_classes == 7
    assert config.model.context == EncodingConfig(variant="paper", num_codewords=16)
    assert config.precision == "32"
    assert applied(DEMO, "--loss.class_weights balanced").loss.class_weights == "balanced"
    assert applied(DEMO, "--model.pretrained w.pt").model.pretrained == "w.pt"
    assert applied(DEMO, "--model.mean .1,.2,.3").model.mean == (0.1, 0.2, 0.3)


def test_short_names_and_dashes():
    config = applied(DEMO, "--data a/b --out=c --init-from d --batch-size 4")
    assert (config.data.root, config.out, config.init_from, config.batch_size) == (
        "a/b", "c", "d", 4,
    )  # fmt: skip
    assert applied(DEMO, "--out a-b --data=c-d").data.root == "c-d"
    assert applied(DEMO, "--out a,b").out == "a,b"


def test_flags_are_told_apart_from_options():
    _, given = override(DEMO, ["--resume"], "train x", flags={"resume": "r", "other": "o"})
    assert given == {"resume"}


@pytest.mark.parametrize("option", ["--model", "--model.context.name"])
def test_another_model_comes_with_its_own_options(option):
    config = applied(FCN, f"--model.context.lateral true {option} encnet")
    assert config.model.context == EncodingConfig(lateral=True)
    assert applied(DEMO, f"{option}=fcn").model.context == FCNConfig()
    assert applied(DEMO, f"{option} encnet").model.context == DEMO.model.context


def test_a_yaml_file_is_read_and_options_win_over_it(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("epochs: 3\noptim: {lr: 1e-3}\nmodel: {context: {name: fcn}}\n")
    config = applied(DEMO, f"--optim.lr 0.5 --config {path}")
    assert (config.epochs, config.optim.lr, config.model.context) == (3, 0.5, FCNConfig())
    assert config.batch_size == DEMO.batch_size


def test_a_whole_config_written_by_a_run_is_read_back(tmp_path):
    path = tmp_path / "config.yaml"
    write_yaml(path, FCN)
    assert applied(DEMO, f"--config {path}") == FCN


@pytest.mark.parametrize(
    ("config", "line", "message"),
    [
        (DEMO, "--optim.speed 3", r"^--optim\.speed is not an option\. Did you mean "),
        (
            DEMO,
            "--name sgd",
            r"^--name is not an option\. Did you mean --model\.context\.name, --optim\.name",
        ),
        (DEMO, "--scales 1", r"^--scales is not an option\. Did you mean --protocol\.scales\?"),
        (DEMO, "--qqqqqqqq 3", r"^--qqqqqqqq is not an option\. --help lists"),
        (
            FCN,
            "--model.context.lateral true",
            r"lateral is an option of encnet, but the model is fcn",
        ),
        (
            DEMO,
            "--model fcn --model.context.num_codewords 8",
            r"option of encnet, but the model is f",
        ),
        (DEMO, "--model unet", r"model\.context\.name: invalid choice: 'unet'"),
        (DEMO, "--epochs soon", r"^--epochs must be a whole number or 'auto', got soon\.$"),
        (DEMO, "--epochs=1.5", r"^--epochs must be a whole number or 'auto', got 1\.5\.$"),
        (DEMO, "--epochs 1 --epochs x", r"^--epochs must be a whole number or 'auto', got x\.$"),
        (DEMO, "--optim.lr nan", r"^--optim\.lr must be a number or 'auto', got nan"),
        (DEMO, "--precision fp16", r"^--precision must be one of 'auto', '32', 'bf16', got fp16"),
        (
            DEMO,
            "--augment.crop big",
            r"^--augment\.crop must be a list of 2 wh.*Write a list as 1,2",
        ),
        (
            DEMO,
            "--augment.crop 1,2,3",
            r"^--augment\.crop must be a list of 2 whole numbers or a whole number or 'auto'",
        ),
        (DEMO, "--model.align_corners maybe", r"must be true or false, got maybe"),
        (DEMO, "--epochs", r"--epochs: expected one argument"),
        (DEMO, "camvid", r"^unexpected arguments: camvid\.$"),
        (DEMO, "data=my epochs=3", r"Options begin with two dashes: --data my --epochs 3$"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(config, line, message):
    with pytest.raises(UsageError, match=message) as error:
        applied(config, line)
    assert "\n" not in str(error.value)


def test_a_value_that_the_config_refuses_is_named():
    with pytest.raises(ValueError, match=r"^model\.output_stride must be one of .*got 7"):
        applied(DEMO, "--model.output_stride 7")
    with pytest.raises(ValueError, match=r"^augment\.scale must be 0 < smallest"):
        applied(DEMO, "--augment.scale 2,1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3\n", r"bad\.yaml: epoch is not an option\. Did you mean epochs"),
        ("optim: {lr: fast}\n", r"bad\.yaml: optim\.lr must be a number"),
        ("a: [1", r"bad\.yaml is not a YAML file"),
    ],
)
def test_a_mistake_in_a_file_names_the_file(text, message, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        applied(DEMO, f"--config {path}")


def test_help_shows_fields_with_their_text_and_the_recipes_values(capsys):
    with pytest.raises(SystemExit) as end:
        applied(DEMO, "--help", description="What it is.", example="contextseg x", flags={})
    assert end.value.code == 0
    text = capsys.readouterr().out
    for key, _ in keys(DEMO):
        assert f"--{key} " in text
    assert "What it is." in text
    assert "example:\n  contextseg x" in text
    assert f"default: {DEMO.epochs})" in " ".join(text.split())
    assert "--model.context.kernel" not in text
    assert "CONFIG" not in text  # no second way to read files


def test_the_config_itself_is_left_alone():
    before = TrainConfig()
    applied(before, "--epochs 3 --model fcn")
    assert before == TrainConfig()


@pytest.mark.parametrize(
    ("option", "text", "expected"),
    [
        ("out", "123", "123"),
        ("out", "no", "no"),
        ("out", "null", "null"),
        ("out", "1e-3", "1e-3"),
        ("out", "'quoted'", "'quoted'"),
        ("out", "a: [b", "a: [b"),
        ("out", "C:\\runs\\mine", "C:\\runs\\mine"),
        ("init_from", "", ""),
        ("seed", "-1", -1),
        ("optim.lr", "1E-2", 0.01),
        ("optim.lr", "1", 1.0),
        ("model.num_classes", "null", None),
        ("model.pretrained", "yes", True),
        ("model.pretrained", "3", "3"),
        ("protocol.scales", "1", (1.0,)),
        ("protocol.scales", "0.5, 1", (0.5, 1.0)),
    ],
)
def test_text_is_read_as_the_type_of_its_option(option, text, expected):
    config = override(DEMO, [f"--{option}={text}"], "train x")[0]
    for name in option.split("."):
        config = getattr(config, name)
    assert (config, type(config)) == (expected, type(expected))


def test_an_empty_value_is_not_null():
    with pytest.raises(UsageError, match=r"must be a whole number or null, got \.$"):
        override(DEMO, ["--augment.base_size", ""], "train x")


def test_every_option_has_a_help_text():
    for config in (DEMO, CLASSIFIER_RECIPES["encnet14_cifar10"]()):
        for part in (config, config.model, config.data, config.augment, config.optim):
            assert {field.name for field in fields(part)} <= field_texts(type(part)).keys()


def test_a_classifier_has_options_of_its_own():
    config = CLASSIFIER_RECIPES["encnet14_cifar10"]()
    given = override(config, ["--model", "resnet14", "--model.network.width=8"], "train x")[0]
    assert given.model.network == ResNet14Config(width=8)
    with pytest.raises(UsageError, match="is an option of encnet14, but the model is resnet14"):
        override(config, ["--model=resnet14", "--model.network.smoothing", "fixed"], "train x")
