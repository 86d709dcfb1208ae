"""Whole images, scales, mirror images and windows, against formulas written out."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from contextseg.data.classes import Classes
from contextseg.data.images import ImageError
from contextseg.inference.predictor import Predictor
from contextseg.inference.views.plan import SCALES
from contextseg.ops.upsampled_rows import STRIP_BYTES
from contextseg.system.devices import choose_device
from tests.inference.fakes import ColourModel, colour_predictor, draw_image


@pytest.fixture(autouse=True)
def small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of a few rows, so that small images take several."""
    for kind in STRIP_BYTES:
        monkeypatch.setitem(STRIP_BYTES, kind, 30_000)


def normalised(predictor: Predictor, image: np.ndarray) -> Tensor:
    mean, std = (
        torch.tensor(t).view(3, 1, 1) for t in (predictor.config.mean, predictor.config.std)
    )
    return ((torch.from_numpy(image).permute(2, 0, 1) / 255 - mean) / std)[None]


def slow_probabilities(
    predictor: Predictor, image: np.ndarray, scales: tuple[float, ...], flip: bool
) -> Tensor:
    """The definition: resize, predict, upsample to the image, softmax, mean."""
    pixels = normalised(predictor, image)
    height, width = image.shape[:2]
    volumes = []
    for scale in scales:
        size = (round(height * scale), round(width * scale))
        scaled = F.interpolate(pixels, size, mode="bilinear", antialias=True)
        for mirrored in (False, True) if flip else (False,):
            output = predictor.model(scaled.flip(3) if mirrored else scaled)
            logits = F.interpolate(
                output.coarse_logits,
                (height, width),
                mode="bilinear",
                align_corners=predictor.config.align_corners,
            )
            volumes.append((logits.flip(3) if mirrored else logits).softmax(1)[0])
    return torch.stack(volumes).mean(0)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(64, 96), (75, 50), (33, 121)])
def test_one_scale_is_upsampling_and_argmax(size, align_corners):
    predictor = colour_predictor(align_corners=align_corners)
    image = draw_image(*size)
    logits = F.interpolate(
        predictor.model(normalised(predictor, image)).coarse_logits,
        size,
        mode="bilinear",
        align_corners=align_corners,
    )
    best = logits.topk(2, dim=1).values[0]
    sure = best[0] - best[1] > 1e-4
    assert sure.float().mean() > 0.99
    mask = torch.from_numpy(predictor(image).mask)
    assert mask.unique().numel() > 2
    assert torch.equal(mask[sure].long(), logits.argmax(1)[0][sure])


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("flip", [False, True])
def test_several_scales_are_averaged_as_defined(flip, align_corners):
    predictor = colour_predictor(align_corners=align_corners)
    image = draw_image(85, 130)
    with torch.no_grad():
        expected = slow_probabilities(predictor, image, SCALES, flip)
    actual = predictor.probabilities(image, scales=SCALES, flip=flip)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    best = expected.topk(2, dim=0).values
    sure = best[0] - best[1] > 1e-3
    mask = torch.from_numpy(predictor(image, scales=SCALES, flip=flip).mask)
    assert torch.equal(mask[sure].long(), expected.argmax(0)[sure])


def test_windows_see_what_the_whole_sees_where_context_does_not_matter():
    # With a feature pixel for each image pixel, a pixel's logits depend on its colour alone.
    predictor = colour_predictor(stride=1)
    image = draw_image(150, 101)
    whole = predictor.probabilities(image)
    for window in (32, 64, (40, 101), 1000):
        torch.testing.assert_close(predictor.probabilities(image, window=window), whole)
        assert np.array_equal(predictor(image, window=window).mask, predictor(image).mask)


def test_a_pixel_takes_the_probabilities_of_the_window_it_belongs_to():
    predictor = colour_predictor()
    image = draw_image(40, 120)
    actual = predictor.probabilities(image, window=48)
    parts = []
    # Windows overlap by 5 pixels; the last one is shifted back. Overlaps are halved.
    for left, first, last in ((0, 0, 45), (43, 45, 81), (72, 81, 120)):
        part = slow_probabilities(predictor, image[:, left : left + 48], (1.0,), False).detach()
        parts.append(part[:, :, first - left : last - left])
    torch.testing.assert_close(actual, torch.cat(parts, dim=2), rtol=1e-4, atol=1e-5)
    found = predictor(image, window=48, confidence=True)
    torch.testing.assert_close(torch.from_numpy(found.confidence), actual.amax(0))
    assert np.array_equal(found.mask, actual.argmax(0))


def test_probabilities_sum_to_one_with_scales_mirror_images_and_windows():
    predictor = colour_predictor()
    volume = predictor.probabilities(draw_image(90, 140), scales=(0.75, 1.3), flip=True, window=64)
    torch.testing.assert_close(volume.sum(0), torch.ones(90, 140))
    rows = {shape[2:] for shape in predictor.model.seen}
    assert all(max(size) <= 65 for size in rows)


def test_large_images_go_through_windows_by_themselves(caplog):
    caplog.set_level(logging.INFO, "contextseg")
    predictor = colour_predictor(max_pixels=64 * 64, stride=1)
    image = draw_image(60, 200)
    mask = predictor(image).mask
    assert all(batch * h * w <= 64 * 64 for batch, _, h, w in predictor.model.seen)
    assert len(predictor.model.seen) > 3
    assert "exceeds 4096 pixels: using windows of" in caplog.text
    assert np.array_equal(mask, colour_predictor(stride=1)(image).mask)


def test_windows_are_batched():
    predictor = colour_predictor()
    predictor(draw_image(96, 96), window=48)
    assert [shape[0] for shape in predictor.model.seen] == [4, 4, 1]
    assert all(shape[1:] == (3, 48, 48) for shape in predictor.model.seen)


@pytest.mark.parametrize("size", [(1, 1), (10, 7), (20, 90)])
@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1.0)])
def test_images_smaller_than_the_network_takes(size, scales):
    predictor = colour_predictor()
    mask = predictor(draw_image(*size), scales=scales, flip=True).mask
    assert mask.shape == size


def test_padding_is_the_mean_colour():
    class Recording(ColourModel):
        def forward(self, images: Tensor):
            self.images = images
            return super().forward(images)

    model = Recording()
    Predictor(model, Classes.numbered(5), "cpu")(np.full((20, 40, 3), 255, np.uint8))
    assert model.images.shape == (1, 3, 32, 40)
    assert model.images[:, :, :20].min() > 2
    assert model.images[:, :, 20:].abs().max() < 0.01  # the mean colour, rounded to 8 bits


def test_presence_is_the_mean_over_scales_of_the_most_certain_window():
    predictor = colour_predictor(presence=True)
    image = draw_image(64, 64)
    single = predictor(image).presence
    logits = predictor.model(normalised(predictor, image)).presence_logits[0]
    assert list(single) == [f"class {i}" for i in range(5)]
    assert list(single.values()) == pytest.approx(logits.sigmoid().tolist(), abs=1e-5)

    with torch.no_grad():
        parts = [
            [predictor.model(normalised(predictor, image[:, i : i + 48])).presence_logits[0]]
            for i in (0, 16)
        ]
    expected = torch.cat([torch.stack(p) for p in parts]).amax(0).sigmoid().tolist()
    windows = predictor(image, window=(64, 48)).presence
    assert list(windows.values()) == pytest.approx(expected, abs=1e-5)

    mirrored = predictor(image, flip=True).presence  # the mean over an image has no direction
    assert list(mirrored.values()) == pytest.approx(list(single.values()), abs=1e-5)
    assert colour_predictor()(image).presence is None


def test_every_kind_of_image(tmp_path):
    predictor = colour_predictor()
    image = draw_image(40, 64)
    expected = predictor(image).mask
    pil = Image.fromarray(image)
    pil.save(tmp_path / "a.png")
    turned = Image.fromarray(np.rot90(image).copy())
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    read_only = image.copy()
    read_only.flags.writeable = False
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    sources = [tmp_path / "a.png", str(tmp_path / "turned.png"), pil, read_only, tensor]
    for source in [*sources, tensor.double() / 255]:
        result = predictor(source)
        assert np.array_equal(result.mask, expected)
        assert np.array_equal(result.image, image)

    deep = Image.fromarray(image[..., 0].astype(np.uint16) * 257)
    for other in (deep, pil.convert("CMYK"), pil.convert("LA"), pil.convert("1")):
        assert predictor(other).mask.shape == (40, 64)


def test_ids_of_the_dataset_are_in_the_mask():
    classes = Classes.from_dict(
        {"classes": [{"id": 10 * i + 7, "name": f"thing {i}"} for i in range(5)]}
    )
    image = draw_image(64, 64)
    plain = colour_predictor()(image)
    named = Predictor(ColourModel(), classes, "cpu")(image)
    assert np.array_equal(named.mask, plain.mask * 10 + 7)


def test_bf16_runs_the_network_in_it():
    predictor = Predictor(ColourModel(), Classes.numbered(5), "cpu", precision="bf16")
    full = colour_predictor()
    image = draw_image(64, 64)
    assert (predictor(image).mask == full(image).mask).mean() > 0.9
    actual = predictor.probabilities(image, flip=True)
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual, full.probabilities(image, flip=True), rtol=0.1, atol=0.1)
    assert not torch.equal(actual, full.probabilities(image, flip=True))


def test_a_mirror_image_pass_makes_the_mask_symmetric():
    predictor = colour_predictor()
    image = draw_image(64, 96)
    there = predictor.probabilities(image, flip=True)
    back = predictor.probabilities(np.ascontiguousarray(image[:, ::-1]), flip=True)
    torch.testing.assert_close(back.flip(2), there)


def test_wrong_options_are_named(tmp_path):
    predictor, image = colour_predictor(), draw_image(40, 40)
    with pytest.raises(ValueError, match=r"scales must be .* got \[\]"):
        predictor(image, scales=())
    with pytest.raises(ValueError, match=r"scales must be .* got \[0\]"):
        predictor(image, scales=(0,))
    with pytest.raises(ValueError, match="window must be at least 32 pixels, got 16"):
        predictor(image, window=16)
    with pytest.raises(ValueError, match="predicts 5 classes, but 3 names are given"):
        Predictor(ColourModel(), Classes.numbered(3), "cpu")
    with pytest.raises(ValueError, match="precision must be auto, 32 or bf16, got 'fp8'"):
        Predictor(ColourModel(), Classes.numbered(5), "cpu", precision="fp8")
    with pytest.raises(ValueError, match="max_pixels must be at least 1024, got 7"):
        Predictor(ColourModel(), Classes.numbered(5), "cpu", max_pixels=7)
    with pytest.raises(ValueError, match="cuda, cuda:N or mps, got 'gpu'"):
        choose_device("gpu")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        predictor(tmp_path / "broken.jpg")


def test_short_words_for_people():
    assert repr(colour_predictor()) == "Predictor(EncNet, resnet50c, 5 classes, cpu)"
