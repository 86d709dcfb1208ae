"""Prediction with a model of four bands: all sources agree, and what does not fit is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import contextseg
from contextseg import create_model
from contextseg.config import ImagesConfig
from contextseg.data import open_dataset
from contextseg.data.bands import read_pixels
from contextseg.data.classes import Classes
from contextseg.data.images import ImageError
from contextseg.inference.predict_files import predict_files
from contextseg.inference.predictor import Predictor
from tests.data.bands.toy import scene, write_bands, write_tiff

IMAGES = ImagesConfig(channels=4, value_range=(0, 10_000), display=(3, 1, 0))
VIEWS = ({}, {"flip": True}, {"scales": (0.75, 1.5)}, {"window": 40})


def drawn(images=IMAGES):
    torch.manual_seed(0)
    count = images.count
    model = create_model(
        "encnet", backbone="test_resnet", num_classes=2, num_codewords=4, head_channels=16,
        aux_weight=0, output_stride=16, images=images, mean=(0.4,) * count, std=(0.2,) * count,
    )  # fmt: skip
    torch.nn.init.normal_(model.head[1].weight, std=2.0)
    return Predictor(model, Classes.numbered(2), device="cpu")


@pytest.fixture(scope="module")
def predictor():
    return drawn()


@pytest.mark.parametrize("views", VIEWS, ids=str)
def test_every_source_gives_the_same(predictor, tmp_path, views):
    image = scene(0)[0]
    write_tiff(tmp_path / "a", image)
    np.save(tmp_path / "a.npy", image)
    expected = predictor(image, **views)
    assert 0.02 < expected.mask.mean() < 0.98
    tensor = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)
    for source in (tmp_path / "a.tif", str(tmp_path / "a.npy"), tensor, image.astype(np.int32)):
        found = predictor(source, **views)
        np.testing.assert_array_equal(found.mask, expected.mask)
        np.testing.assert_array_equal(found.image, expected.image)
    assert expected.overlay(legend=False).size == (64, 48)
    likely = predictor.probabilities(tmp_path / "a.tif", **views)
    assert (likely.argmax(0).numpy() == expected.mask).mean() > 0.99


def test_the_network_sees_what_the_formula_says(predictor):
    image = scene(0)[0]
    pixels = torch.from_numpy((image / 10_000 - 0.4) / 0.2).float().permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = predictor.model(pixels).logits[0].argmax(0)
    assert (predictor(image).mask == expected.numpy()).mean() > 0.999


def test_padding_has_the_mean_of_each_channel(predictor):
    """The smallest image is enlarged by pixels that are 0 after normalisation."""
    from contextseg.inference.preprocess import to_canvas

    pixels = read_pixels(scene(0)[0][:20, :20], IMAGES)
    canvas = to_canvas(pixels, 32, predictor.config, torch.device("cpu"))
    assert (canvas.shape, canvas.dtype) == ((1, 4, 32, 32), torch.float32)
    torch.testing.assert_close(canvas[0, :, 25, 25], torch.full((4,), 0.4 * 255))
    assert predictor(scene(0)[0][:20, :20]).mask.shape == (20, 20)


def test_pictures_show_the_chosen_channels(predictor):
    image, mask = scene(0)
    shown = predictor(image).image
    assert shown.dtype == np.uint8
    assert shown[..., 0][mask == 1].mean() > 2 * shown[..., 0][mask == 0].mean()


@pytest.mark.parametrize("protocol", ["encnet", "cpnet", "mmseg"])
def test_published_protocols_take_any_channels(predictor, protocol):
    from contextseg.config import ProtocolConfig

    options = {"short_side": 40} if protocol == "mmseg" else {}
    config = ProtocolConfig(style=protocol, base_size=64, crop=48, **options)
    pixels = read_pixels(scene(0)[0], IMAGES)
    assert predictor.segment(pixels, protocol=config).labels.shape == (48, 64)


def test_a_photo_is_no_image_of_four_bands(predictor, tmp_path):
    Image.new("RGB", (40, 50)).save(tmp_path / "photo.jpg")
    photo = np.zeros((50, 40, 3), np.uint8)
    for source in (tmp_path / "photo.jpg", photo, torch.zeros(3, 50, 40), Image.fromarray(photo)):
        with pytest.raises(ImageError, match="has 3 channels, where images of 4"):
            predictor(source)
    with pytest.raises(ValueError, match=r"takes images of 4 channels.*got uint8 \[50, 40, 3\]"):
        predictor.segment(photo)
    with pytest.raises(ValueError, match=r"float32 on the scale 0 to 255.*got uint8"):
        predictor.segment(np.zeros((50, 40, 4), np.uint8))


def test_four_bands_are_no_photo(tmp_path):
    predictor = drawn(ImagesConfig())
    image = scene(0)[0]
    write_tiff(tmp_path / "a", image)
    np.save(tmp_path / "a.npy", image)
    with pytest.raises(ImageError, match="a TIFF of 4 channels of 16 bits, not a photo"):
        predictor(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="a NumPy array, not a photo"):
        predictor(tmp_path / "a.npy")
    with pytest.raises(ImageError, match=r"C = 1, 3 or 4 channels"):
        predictor(np.zeros((40, 50, 5), np.uint8))
    with pytest.raises(ValueError, match=r"takes photos \(8-bit RGB\).*\[48, 64, 4\]"):
        predictor.segment(image)


def test_a_folder_of_bands(predictor, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    write_tiff(folder / "a", scene(0)[0])
    np.save(folder / "b.npy", scene(1)[0])
    Image.new("RGB", (40, 50)).save(folder / "c.png")
    summary = predict_files(predictor, [folder], tmp_path / "out")
    assert (summary.done, len(summary.failed)) == (2, 1)
    assert "c.png: has 3 channels" in summary.failed[0][1]
    lines = (tmp_path / "out/predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["mask"] for line in lines] == ["masks/a.png", "masks/b.png"]
    assert np.array(Image.open(tmp_path / "out/overlays/a.jpg")).shape[2] == 3


def test_evaluation_opens_the_data_as_the_model_takes_them(predictor, tmp_path):
    write_bands(tmp_path / "data")
    scores = contextseg.evaluate(predictor, str(tmp_path / "data"))
    data = open_dataset(str(tmp_path / "data"), "val", images=IMAGES)
    confusion = np.zeros((2, 2), int)
    for sample in data:
        labels = predictor.segment(sample.image).labels.numpy()
        np.add.at(confusion, (sample.labels.ravel(), labels.ravel()), 1)
    np.testing.assert_array_equal(scores.confusion.numpy(), confusion)
    with pytest.raises(ValueError, match=r"takes images of 4 .* opened as photos"):
        contextseg.evaluate(predictor, open_dataset("shapes", "val"))
    with pytest.raises(ValueError, match="synthetic scenes hold photos"):
        contextseg.evaluate(predictor, "shapes")


def test_there_is_no_server_for_bands(predictor, tmp_path):
    from contextseg.inference.submission import write_submission

    with pytest.raises(ValueError, match="servers' images are photos"):
        write_submission(tmp_path / "x.zip", predictor, open_dataset("shapes", "val"))  # type: ignore[arg-type]


def test_the_model_card_says_what_the_images_are(predictor, tmp_path):
    folder = contextseg.save_pretrained(predictor, tmp_path / "card")
    assert (
        "Images are images of 4 channels, values 0 to 10000" in (folder / "README.md").read_text()
    )
    np.testing.assert_array_equal(
        contextseg.load(folder)(scene(0)[0]).mask, predictor(scene(0)[0]).mask
    )
