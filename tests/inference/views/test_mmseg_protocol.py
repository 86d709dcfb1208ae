"""The protocol `mmseg` against mmsegmentation's steps, one after the other, in float64."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.config import ProtocolConfig
from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.inference.views.protocol import run_protocol
from contextseg.inference.views.protocol_geometry import geometry_of, plan_sizes
from contextseg.models.outputs import SegmentationOutput
from contextseg.ops import upsampled_rows
from tests.inference.fakes import ColourModel, draw_image
from tests.peak_memory import printed_by

IMAGES = {"landscape": (61, 83), "portrait": (97, 47), "small": (35, 40)}
WHOLE = {"base_size": None}
SLIDE = {"crop": 40, "stride": 27}
OPTIONS = {
    "as they are": WHOLE,
    "resized": {"base_size": 200, "short_side": 75},
    "by the long side": {"base_size": 91},
    "windows": SLIDE,
    "windows, resized": SLIDE | {"base_size": 200, "short_side": 90},
    "windows that do not overlap": {"crop": 33, "stride": 33},
}


class PreciseModel(ColourModel):
    """In float64: what the protocol adds to the network is compared to the last digits."""

    def forward(self, images: Tensor) -> SegmentationOutput:
        return super().forward(images.double())


def precise_predictor(**options: object) -> Predictor:
    model = PreciseModel(**options).double()  # type: ignore[arg-type]
    return Predictor(model, Classes.numbered(model.config.num_classes), device="cpu")


def rescaled(image: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """mmcv: as large as fits into the limits, its ratio kept, sides rounded, by OpenCV."""
    height, width = image.shape[:2]
    factor = min(max(limits) / max(height, width), min(limits) / min(height, width))
    size = int(width * factor + 0.5), int(height * factor + 0.5)
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def encode_decode(predictor: Predictor, image: Tensor) -> Tensor:
    """Logits of normalised pixels [1, 3, h, w], at their size."""
    output = predictor.model(image)
    return F.interpolate(
        output.coarse_logits, image.shape[2:], mode="bilinear", align_corners=output.align_corners
    )


def slide(predictor: Predictor, image: Tensor, crop: int, stride: int) -> Tensor:
    """The mean of the logits of the windows at each pixel."""
    height, width = image.shape[2:]
    number = [max(side - crop + stride - 1, 0) // stride + 1 for side in (height, width)]
    total = torch.zeros(1, predictor.config.num_classes, height, width, dtype=torch.float64)
    counts = torch.zeros(1, 1, height, width, dtype=torch.float64)
    for row in range(number[0]):
        for column in range(number[1]):
            bottom, right = min(row * stride + crop, height), min(column * stride + crop, width)
            there = (..., slice(max(bottom - crop, 0), bottom), slice(max(right - crop, 0), right))
            total[there] += encode_decode(predictor, image[there])
            counts[there] += 1
    return total / counts


def steps(predictor: Predictor, image: np.ndarray, protocol: ProtocolConfig) -> Tensor:
    """Mean probabilities [L, h, w] of all scales and mirror images."""
    height, width = image.shape[:2]
    mean, std = (
        torch.tensor(v).mul(255).view(3, 1, 1)
        for v in (predictor.config.mean, predictor.config.std)
    )
    total, views = torch.zeros((), dtype=torch.float64), 0
    for scale in protocol.scales:
        if protocol.base_size is None:  # Resize(scale_factor=scale)
            limits = int(width * scale + 0.5), int(height * scale + 0.5)
        else:  # Resize(scale=(long, short)) times a ratio
            short = protocol.short_side or protocol.base_size
            limits = int(protocol.base_size * scale), int(short * scale)
        for mirrored in (False, True) if protocol.flip else (False,):
            seen = rescaled(image, limits)
            seen = np.ascontiguousarray(seen[:, ::-1] if mirrored else seen)
            pixels = ((torch.from_numpy(seen).permute(2, 0, 1).float() - mean) / std)[None]
            if protocol.stride is None:
                logits = encode_decode(predictor, pixels)
            else:
                logits = slide(predictor, pixels, protocol.crop, protocol.stride)
            if mirrored:
                logits = logits.flip(3)
            logits = F.interpolate(
                logits, (height, width), mode="bilinear",
                align_corners=predictor.config.align_corners,
            )  # fmt: skip
            total, views = total + logits.softmax(1), views + 1
    return total[0] / views


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scales", [(1.0,), (1.0, 1.37, 1.75)])
def test_scores_equal_the_literal_steps(kind, options, align_corners, flip, scales):
    predictor = precise_predictor(align_corners=align_corners)
    protocol = ProtocolConfig(style="mmseg", scales=scales, flip=flip, **OPTIONS[options])
    image = draw_image(*IMAGES[kind])
    with torch.inference_mode():
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
        logits = run_protocol(pixels, predictor.model, predictor.config, protocol, 2**20)
        ours = torch.cat([strip for _, _, strip in logits.strips()], 1)
        literal = steps(predictor, image, protocol)
    assert ours.dtype == torch.float64
    torch.testing.assert_close(ours, literal, rtol=0, atol=1e-10)
    labels = predictor.segment(image, protocol=protocol).labels
    assert torch.equal(labels.long(), literal.argmax(0))
    assert len(labels.unique()) > 1


def test_strips_make_no_difference(monkeypatch):
    predictor = precise_predictor()
    image = draw_image(97, 47)
    protocol = ProtocolConfig(style="mmseg", base_size=120, scales=(0.9, 1.3), **SLIDE)
    monkeypatch.setitem(upsampled_rows.STRIP_BYTES, "cpu", 3 * 5 * 47 * 4)
    with torch.inference_mode():
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
        logits = run_protocol(pixels, predictor.model, predictor.config, protocol, 2**20)
        strips = [strip for _, _, strip in logits.strips()]
        assert len(strips) > 10
        torch.testing.assert_close(
            torch.cat(strips, 1), steps(predictor, image, protocol), rtol=0, atol=1e-10
        )


def test_sizes_by_hand():
    ade = geometry_of(ProtocolConfig(style="mmseg", base_size=2048, short_side=512))
    assert ade.resized((333, 500), 1.0) == (512, 769)  # 500 * 512 / 333 = 768.77
    assert ade.resized((300, 2000), 1.0) == (307, 2048)  # 300 * 2048 / 2000 = 307.2
    assert ade.resized((333, 500), 0.75) == (384, 577)
    own = geometry_of(ProtocolConfig(style="mmseg"))
    assert own.resized((333, 501), 1.0) == (333, 501)
    assert own.resized((333, 501), 1.5) == (500, 752)  # 499.5 and 751.5 are rounded up
    assert own.resized((40, 300), 0.5) == (32, 150)  # 20 rows are too few for a network


def test_windows_by_hand():
    protocol = ProtocolConfig(style="mmseg", crop=48, stride=32, scales=(1.0,))
    plain, mirrored = plan_sizes((30 + 2, 100), geometry_of(protocol))
    assert (plain.columns.starts, plain.columns.window) == ((0, 32, 52), 48)
    assert (plain.rows.starts, plain.rows.window, plain.rows.canvas) == ((0,), 32, 32)
    assert mirrored.columns.starts == (52, 20, 0)  # of the image: the last is shifted to its left
    assert plain.columns.counts == mirrored.columns.counts[::-1]
    assert (plain.mirrors, mirrored.mirrors) == ((False,), (True,))


def test_the_whole_image_is_one_view_without_padding():
    predictor = precise_predictor(stride=8)
    predictor.segment(
        draw_image(61, 83), protocol=ProtocolConfig(style="mmseg", scales=(1.0,), flip=False)
    )
    assert predictor.model.seen == [(1, 3, 61, 83)]  # multiples of 8 would be 64 and 88


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": "encnet", "stride": 30}, "stride is an option of style mmseg; leave it out of"),
        ({"style": "cpnet", "short_side": 50}, "short_side is an option of style mmseg"),
        ({"scores": "exp_sum"}, "scores must be mean with style mmseg"),
        ({"short_side": 512}, "short_side requires base_size"),
        ({"base_size": 512, "short_side": 600}, "short_side must be between 32 and 512, got 600"),
        ({"crop": 64, "stride": 65}, "stride must be between 1 and 64, got 65"),
        ({"stride": 0}, "stride must be between 1 and 16384, got 0"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        ProtocolConfig(**{"style": "mmseg"} | options)


PEAK = """
import numpy as np, torch
from contextseg.config import ProtocolConfig
from tests.inference.fakes import colour_predictor
from tests.peak_memory import peak
torch.set_num_threads(1)
predictor = colour_predictor(num_classes=100)
image = np.random.default_rng(0).integers(0, 256, (512, 1024, 3), np.uint8)
for options in ({}, {"crop": 256, "stride": 171}):
    protocol = ProtocolConfig(style="mmseg", scales=(1.75,), **options)
    predictor.segment(image[:256, :256], protocol=protocol)
start = peak()
for options in ({}, {"crop": 256, "stride": 171}):
    protocol = ProtocolConfig(style="mmseg", scales=(1.75,), **options)
    predictor.segment(image, protocol=protocol)
print(peak() - start)
"""


@pytest.mark.slow
def test_scores_of_the_whole_image_are_never_held():
    (added,) = printed_by(PEAK)
    # MiB over a photo of an eighth of the pixels, whose strips are as large: 200 for the image's
    # scores, 613 for those at scale 1.75.
    assert added < 150
