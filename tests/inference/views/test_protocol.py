"""Published protocols against a literal and slow form of their steps."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.config import ProtocolConfig
from contextseg.inference.predictor import Predictor
from contextseg.inference.views.protocol import run_protocol
from contextseg.inference.views.protocol_geometry import geometry_of, plan_sizes
from tests.inference.fakes import ColourModel, colour_predictor, draw_image
from tests.peak_memory import printed_by

IMAGES = {"landscape": (70, 101), "portrait": (90, 64), "narrow": (20, 96), "square": (64, 64)}


def network(predictor: Predictor, crop: Tensor) -> Tensor:
    """Logits [L, h, w] of one normalised crop, at its size."""
    output = predictor.model(crop[None])
    return F.interpolate(
        output.coarse_logits, crop.shape[1:], mode="bilinear", align_corners=output.align_corners
    )[0]


def padded(image: Tensor, top: int, bottom: int, left: int, right: int, value: Tensor) -> Tensor:
    rows, columns = image.shape[1] + top + bottom, image.shape[2] + left + right
    canvas = value.view(3, 1, 1).repeat(1, rows, columns)
    canvas[:, top : rows - bottom, left : columns - right] = image
    return canvas


def of_window(predictor: Predictor, crop: Tensor, protocol: ProtocolConfig) -> Tensor:
    """Scores of one window: [L, crop, crop]."""
    views = [network(predictor, crop)]
    if protocol.flip:
        views.append(network(predictor, crop.flip(2)).flip(2))
    if protocol.scores == "mean":
        return torch.stack([view.softmax(0) for view in views]).mean(0)
    if protocol.style == "encnet":
        return sum(views).exp()
    return sum(view.log_softmax(0) for view in views).exp()


def encnet_steps(predictor: Predictor, image: Tensor, protocol: ProtocolConfig) -> Tensor:
    """Steps 1 to 5 of the EncNet authors' evaluation, window after window."""
    config, crop = predictor.config, protocol.crop
    black = -torch.tensor(config.mean) / torch.tensor(config.std)
    height, width = image.shape[1:]
    base = protocol.base_size or max(height, width)
    total = 0
    for scale in protocol.scales:
        long_side = math.ceil(base * scale)
        if height > width:
            rows, columns = long_side, int(width * long_side / height + 0.5)
        else:
            rows, columns = int(height * long_side / width + 0.5), long_side
        resized = F.interpolate(image[None], (rows, columns), mode="bilinear", align_corners=True)[
            0
        ]
        if long_side <= crop:
            whole = padded(resized, 0, crop - rows, 0, crop - columns, black)
            scores = of_window(predictor, whole, protocol)
        else:
            canvas = padded(resized, 0, max(0, crop - rows), 0, max(0, crop - columns), black)
            stride = int(crop * 2 / 3)
            counts = torch.zeros(canvas.shape[1:])
            scores = torch.zeros(config.num_classes, *canvas.shape[1:])
            grid = [math.ceil((side - crop) / stride) + 1 for side in canvas.shape[1:]]
            for i in range(grid[0]):
                for j in range(grid[1]):
                    top, left = i * stride, j * stride
                    part = canvas[:, top : top + crop, left : left + crop]
                    r, c = part.shape[1:]
                    window = padded(part, 0, crop - r, 0, crop - c, black)
                    found = of_window(predictor, window, protocol)[:, :r, :c]
                    scores[:, top : top + r, left : left + c] += found
                    counts[top : top + r, left : left + c] += 1
            scores = scores / counts
        scores = scores[None, :, :rows, :columns]
        total = total + F.interpolate(scores, (height, width), mode="bilinear", align_corners=True)
    return total[0]


def cpnet_steps(predictor: Predictor, image: Tensor, protocol: ProtocolConfig) -> Tensor:
    """The evaluation of the CPNet author's training code."""
    crop, mean_colour = protocol.crop, torch.zeros(3)
    height, width = image.shape[1:]
    total = 0
    for scale in protocol.scales:
        rows, columns = round(height * scale), round(width * scale)
        resized = F.interpolate(image[None], (rows, columns), mode="bilinear", align_corners=False)[
            0
        ]
        missing = max(0, crop - rows), max(0, crop - columns)
        top, left = missing[0] // 2, missing[1] // 2
        canvas = padded(resized, top, missing[0] - top, left, missing[1] - left, mean_colour)
        stride = math.ceil(crop * 2 / 3)
        scores = torch.zeros(predictor.config.num_classes, *canvas.shape[1:])
        counts = torch.zeros(canvas.shape[1:])
        grid = [math.ceil((side - crop) / stride) + 1 for side in canvas.shape[1:]]
        for i in range(grid[0]):
            for j in range(grid[1]):
                bottom = min(i * stride + crop, canvas.shape[1])
                right = min(j * stride + crop, canvas.shape[2])
                window = canvas[:, bottom - crop : bottom, right - crop : right]
                scores[:, bottom - crop : bottom, right - crop : right] += of_window(
                    predictor, window, protocol
                )
                counts[bottom - crop : bottom, right - crop : right] += 1
        if protocol.scores == "mean":
            scores = scores / counts
        scores = scores[None, :, top : top + rows, left : left + columns]
        total = total + F.interpolate(scores, (height, width), mode="bilinear", align_corners=False)
    return total[0]


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("scores", ["mean", "exp_sum"])
@pytest.mark.parametrize("style", ["encnet", "cpnet"])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("flip", [False, True])
def test_scores_equal_the_literal_steps(kind, scores, style, align_corners, flip):
    predictor = colour_predictor(align_corners=align_corners)
    protocol = ProtocolConfig(
        style=style, base_size=88 if style == "encnet" else None, crop=48,
        scales=(0.5, 0.75, 1.0, 1.25, 1.5, 1.75), flip=flip, scores=scores,
    )  # fmt: skip
    pixels = torch.from_numpy(draw_image(*IMAGES[kind])).permute(2, 0, 1)[None]
    with torch.inference_mode():
        logits = run_protocol(pixels, predictor.model, predictor.config, protocol, 2**20)
        ours = torch.cat([strip for _, _, strip in logits.strips()], 1)
        mean, std = (
            torch.tensor(v).view(3, 1, 1) for v in (predictor.config.mean, predictor.config.std)
        )
        steps = encnet_steps if style == "encnet" else cpnet_steps
        slow = steps(predictor, (pixels[0] / 255 - mean) / std, protocol)
    if scores == "mean":
        slow = slow / len(protocol.scales)
        torch.testing.assert_close(ours.sum(0), torch.ones(IMAGES[kind]), rtol=0, atol=1e-5)
        torch.testing.assert_close(ours, slow, rtol=0, atol=1e-5)
    else:
        torch.testing.assert_close(ours, slow, rtol=1e-4, atol=1e-5 * float(slow.abs().max()))
    labels = predictor.segment(draw_image(*IMAGES[kind]), protocol=protocol).labels
    best = slow.topk(2, 0).values
    clear = (best[0] - best[1]) > 1e-4 * best[0]
    assert clear.float().mean() > 0.95
    assert torch.equal(labels[clear].long(), slow.argmax(0)[clear])


def test_windows_by_hand():
    (size,) = plan_sizes((60, 100), geometry_of(ProtocolConfig(crop=48, scales=(1.0,))))
    assert size.columns.starts == (0, 32, 64)  # the last window is padded
    assert size.columns.canvas == 112
    assert size.rows.starts == (0, 32)
    (size,) = plan_sizes(
        (60, 100), geometry_of(ProtocolConfig(style="cpnet", crop=48, scales=(1.0,)))
    )
    assert size.columns.starts == (0, 32, 52)  # the last window is shifted back
    assert (size.rows.starts, size.rows.offset) == ((0, 12), 0)
    (size,) = plan_sizes(
        (30, 100), geometry_of(ProtocolConfig(style="cpnet", crop=48, scales=(1.0,)))
    )
    assert (size.rows.canvas, size.rows.offset) == (48, 9)


def test_scales_that_come_to_one_size_share_its_forwards():
    predictor = colour_predictor()
    image = draw_image(50, 70)
    model: ColourModel = predictor.model  # type: ignore[assignment]
    once = ProtocolConfig(crop=64, scales=(1.0, 1.5), flip=False)
    twice = ProtocolConfig(crop=64, scales=(1.0, 1.5, 1.0, 1.5), flip=False)
    labels = predictor.segment(image, protocol=once).labels
    seen = len(model.seen)
    assert torch.equal(predictor.segment(image, protocol=twice).labels, labels)
    assert len(model.seen) == 2 * seen


def test_logits_that_overflow_an_exponential_keep_their_labels():
    predictor = colour_predictor()
    protocol = ProtocolConfig(crop=64, scales=(1.0,), scores="exp_sum")
    image = draw_image(64, 64)
    with torch.no_grad():
        predictor.model.weight *= 10
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
        logits = run_protocol(pixels, predictor.model, predictor.config, protocol, 2**20)
        summed = logits.windows[0][0][0]
        assert summed.max() > 100  # whose exponential float32 does not hold
        expected = F.interpolate(summed[None], (64, 64), mode="bilinear")[0].argmax(0)
    found = predictor.segment(image, protocol=protocol).labels
    assert torch.equal(found.long(), expected)
    assert len(found.unique()) > 1


def test_presence_is_of_all_windows():
    predictor = colour_predictor(presence=True)
    protocol = ProtocolConfig(crop=48, scales=(1.0, 1.5))
    found = predictor.segment(draw_image(60, 90), protocol=protocol).presence_logits
    assert found is not None
    assert found.shape == (5,)
    with pytest.raises(ValueError, match="sets scales, flip and window itself"):
        predictor.segment(draw_image(60, 90), protocol=protocol, flip=True)


PEAK = """
import numpy as np, torch
from contextseg.config import ProtocolConfig
from tests.inference.fakes import colour_predictor
from tests.peak_memory import peak
torch.set_num_threads(1)
predictor = colour_predictor(num_classes=100)
protocol = ProtocolConfig(crop=256, scales=(0.5, 1.0, 1.75), flip=False)
image = np.random.default_rng(0).integers(0, 256, (512, 1024, 3), np.uint8)
predictor.segment(image[:256, :256], protocol=protocol)
start = peak()
predictor.segment(image, protocol=protocol)
print(peak() - start)
"""


@pytest.mark.slow
def test_scores_of_the_whole_image_are_never_held():
    (added,) = printed_by(PEAK)
    # MiB over a photo of an eighth of the pixels, whose strips are as large: 200 for the image's
    # scores, 613 for those at scale 1.75.
    assert added < 100
