"""A converted checkpoint normalises images as its own config says, or as its code base does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from contextseg import convert_state_dict, create_model
from contextseg.cli.__main__ import main
from contextseg.config import IMAGENET_MEAN, IMAGENET_STD
from contextseg.data.classes import Classes
from contextseg.inference.load import load
from contextseg.inference.predictor import Predictor
from contextseg.interop import convert_checkpoint
from contextseg.interop.checkpoints import unwrap
from contextseg.interop.formats.mmseg_images import images_of
from contextseg.interop.formats.mmseg_settings import parse_settings
from tests.inference.fakes import draw_image
from tests.interop import contextprior as cp
from tests.interop import mmsegmentation as mm

HALF = "mean=[127.5, 127.5, 127.5], std=[63.75, 63.75, 63.75]"
ODD = "mean=[51, 102, 153], std=[25.5, 51, 76.5]"
"""In the order that the network sees."""


STEP = "dict(type='Normalize', "


def pipeline(normalize: str) -> str:
    """A test pipeline of 0.x."""
    steps = f"[dict(type='Resize', keep_ratio=True), {normalize}, dict(type='Collect')]"
    return f"[dict(type='LoadImageFromFile'), dict(type='MultiScaleFlipAug', transforms={steps})]"


def rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(value, 6) for value in values)


@pytest.mark.parametrize(
    ("text", "mean", "std", "bgr"),
    [
        # 1.x: bgr_to_rgb is False unless set; either option exchanges blue and red.
        (f"model = dict(data_preprocessor=dict({ODD}, bgr_to_rgb=True))", ODD, ODD, False),
        (f"model = dict(data_preprocessor=dict({ODD}, rgb_to_bgr=True))", ODD, ODD, False),
        (f"model = dict(data_preprocessor=dict({ODD}, bgr_to_rgb=False))", ODD, ODD, True),
        (f"model = dict(data_preprocessor=dict({ODD}))", ODD, ODD, True),
        # The model's preprocessor counts, not that of a base config beside it.
        (
            f"data_preprocessor = dict({HALF}, bgr_to_rgb=True)\n"
            f"model = dict(data_preprocessor=dict({ODD}, bgr_to_rgb=True))",
            ODD, ODD, False,
        ),
        (
            f"prepared = dict({ODD}, bgr_to_rgb=True)\nmodel = dict(data_preprocessor=prepared)",
            ODD, ODD, False,
        ),
        ("data_preprocessor = dict(bgr_to_rgb=True)", (0.0,) * 3, (1 / 255,) * 3, False),
        # 0.x: the test pipeline counts; to_rgb is True unless set.
        (f"img_norm_cfg = dict({ODD}, to_rgb=True)", ODD, ODD, False),
        (f"img_norm_cfg = dict({ODD}, to_rgb=False)", ODD, ODD, True),
        (f"img_norm_cfg = dict({ODD})", ODD, ODD, False),
        (
            f"img_norm_cfg = dict({HALF}, to_rgb=True)\n"
            f"data = dict(test=dict(pipeline={pipeline(STEP + ODD + ')')}))",
            ODD, ODD, False,
        ),
        (
            f"img_norm_cfg = dict({ODD}, to_rgb=False)\n"
            f"test_pipeline = {pipeline(STEP + '**img_norm_cfg)')}",
            ODD, ODD, True,
        ),
        # Nothing is said of images.
        ("model = dict(type='EncoderDecoder')", IMAGENET_MEAN, IMAGENET_STD, False),
    ],
)  # fmt: skip
def test_what_a_config_states_is_taken(text, mean, std, bgr):
    found = images_of(parse_settings(text))
    if mean == ODD:
        mean, std = (0.2, 0.4, 0.6), (0.1, 0.2, 0.3)
        if bgr:
            mean, std = mean[::-1], std[::-1]
        assert found.stated
    assert (rounded(found.mean), rounded(found.std)) == (rounded(mean), rounded(std))
    assert found.bgr is bgr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("img_norm_cfg = dict(mean=[v for v in x], std=[1, 1, 1])", "a mean that cannot be read"),
        ("img_norm_cfg = dict(mean=[1, 2, 3])", "a std that cannot be read as three numbers"),
        ("img_norm_cfg = dict(mean=[1, 2, 3, 4], std=[1, 1, 1, 1])", "cannot be read as three"),
        ("img_norm_cfg = dict(mean=[1, 2, 3], std=[1, 0, 1])", "a standard deviation of"),
        ("img_norm_cfg = make()", "a mean that cannot be read"),
        ("model = dict(data_preprocessor=Own(3))", "a preprocessor that is not plain data"),
        ("test_pipeline = [dict(type='Resize')]", "that its test pipeline does not normalise"),
        (
            f"model = dict(data_preprocessor=dict({HALF}, bgr_to_rgb=True))\n"
            f"test_pipeline = [dict(type='Normalize', {ODD})]",
            "normalises before its preprocessor",
        ),
        (
            f"test_pipeline = [dict(type='Normalize', {ODD}), dict(type='Normalize', {HALF})]",
            "normalised twice",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        images_of(parse_settings(text))


@pytest.mark.slow
def test_a_network_that_sees_bgr_sees_rgb_here():
    state = mm.encnet()
    text = f"model = dict(data_preprocessor=dict({ODD}))"
    config, converted = convert_state_dict({"state_dict": state, "meta": {"cfg": text}})
    model = create_model(config)
    model.load_state_dict(converted)
    image = draw_image(64, 72)
    predictor = Predictor(model, Classes.numbered(5), device="cpu")
    probabilities = predictor.probabilities(image)
    bgr = np.ascontiguousarray(image[..., ::-1])
    mean, std = torch.tensor([51.0, 102, 153]), torch.tensor([25.5, 51, 76.5])
    seen = ((torch.from_numpy(bgr).float() - mean) / std).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = mm.logits(state, seen).softmax(1)[0]
    torch.testing.assert_close(probabilities, expected, rtol=0, atol=1e-4)
    assert expected.std() > 0.05


def test_heads_of_cpnet_keep_both_changes():
    state = cp.cpnet(5, (9, 9))
    meta = {"cfg": f"img_norm_cfg = dict({ODD}, to_rgb=False)"}
    conversion = convert_checkpoint(unwrap({"state_dict": state, "meta": meta}))
    assert rounded(conversion.config.normalisation.mean) == (0.6, 0.4, 0.2)
    first = conversion.state_dict["backbone.model.conv1.0.weight"]
    assert torch.equal(first, state["backbone.stem.0.weight"].flip(1))
    assert conversion.state_dict["context.prior.weight"].ndim == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("meta", "mean", "told"),
    [
        (
            {"cfg": f"model = dict(data_preprocessor=dict({HALF}, bgr_to_rgb=True))"},
            (0.5, 0.5, 0.5),
            "RGB with mean [0.5, 0.5, 0.5] and standard deviation [0.25, 0.25, 0.25] (stated in",
        ),
        (
            {"cfg": "this is = no config ("},
            IMAGENET_MEAN,
            "mean [0.485, 0.456, 0.406] and standard deviation [0.229, 0.224, 0.225] (usual in",
        ),
    ],
)
def test_the_command_says_it_and_the_file_holds_it(meta, mean, told, tmp_path, capsys):
    torch.save({"state_dict": mm.fcn(), "meta": meta}, tmp_path / "there.pth")
    words = f"convert {tmp_path}/there.pth -o {tmp_path}/here.safetensors"
    assert main(words.split()) == 0
    assert told in capsys.readouterr().out
    assert load(tmp_path / "here.safetensors", device="cpu").config.mean == mean
