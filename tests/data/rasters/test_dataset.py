"""Windows of rasters for training: reproducible, aligned with their masks, read on their own."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from contextseg.config import AugmentConfig, DataConfig, ImagesConfig
from contextseg.data.bands import read_pixels
from contextseg.data.check import check_dataset
from contextseg.data.classes import Classes
from contextseg.data.loading import TrainingLoader, TrainingSet
from contextseg.data.rasters.dataset import RasterDataset, open_split
from contextseg.data.rasters.scene import Scene
from tests.rasters import rasterio, write_geotiff

pytestmark = pytest.mark.usefixtures("gdal")
SIZES = ((200, 300), (400, 250))


@pytest.fixture(scope="module")
def gdal():
    return rasterio()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two rasters whose masks follow from their first band; the first lacks a corner."""
    root = tmp_path_factory.mktemp("data")
    for number, size in enumerate(SIZES):
        rng = np.random.default_rng(number)
        image = rng.integers(1, 256, (*size, 3), np.uint8)
        if number == 0:
            image[:60, :80] = 0
        mask = (image[..., :1] > 127).astype(np.uint8)
        for split in ("train", "val"):
            write_geotiff(root / "images" / split / f"s{number}.tif", image, nodata=0,
                          photometric="RGB")  # fmt: skip
            write_geotiff(root / "masks" / split / f"s{number}.tif", mask)
    (root / "classes.json").write_text(json.dumps(Classes.numbered(2).to_dict()))
    return root


def test_windows_are_those_of_the_raster_with_their_labels(root):
    data = open_split(DataConfig(root=str(root), window=96, windows=40), "train", random=True)
    assert len(data) == 40
    scenes = {f"s{n}": read_pixels(root / "images" / "train" / f"s{n}.tif") for n in (0, 1)}
    names = set()
    for index in range(40):
        image, labels, name = data[index]
        stem, top, left = name.split("_")
        part = scenes[stem][int(top) : int(top) + 96, int(left) : int(left) + 96]
        np.testing.assert_array_equal(image, part)
        lacking = (part == 0).all(axis=2)
        np.testing.assert_array_equal(labels, np.where(lacking, 255, part[..., 0] > 127))
        assert data.image_size(index) == (96, 96)
        names.add(name)
    assert len(names) == 40
    assert {name[:2] for name in names} == {"s0", "s1"}


def test_places_follow_from_seed_epoch_and_index(root):
    data = open_split(DataConfig(root=str(root), window=64), "train", seed=3, random=True)
    assert len(data) == 4 * 5 + 7 * 4  # as many as cover both
    names = [[data.of_epoch(epoch)[i].name for i in range(6)] for epoch in (0, 1, 0)]
    assert names[0] == names[2] == [data[i].name for i in range(6)]
    assert not set(names[0]) & set(names[1])
    other = open_split(DataConfig(root=str(root), window=64), "train", seed=4, random=True)
    assert other[0].name != data[0].name
    sent = pickle.loads(pickle.dumps(data))  # as to a worker
    np.testing.assert_array_equal(sent[5].image, data[5].image)


def test_training_takes_other_windows_in_each_epoch(root):
    data = open_split(DataConfig(root=str(root), window=64, windows=4), "train", random=True)
    augment = AugmentConfig(crop=64, scale=(1.0, 1.0), rotation=0.0, flip=0.0)
    batches = []
    for workers in (0, 1):
        loader = TrainingLoader(
            TrainingSet(data, augment, seed=1), batch_size=2, epochs=2, workers=workers
        )
        batches.append([batch["image"].numpy() for batch in loader])
    for one, other in zip(*batches, strict=True):
        np.testing.assert_array_equal(one, other)
    images = [image.tobytes() for batch in batches[0] for image in batch]
    assert len(set(images)) == 8


def test_a_grid_covers_everything_for_checks_and_validation(root):
    config = DataConfig(root=str(root), window=128)
    grid = open_split(config, "val")
    report = check_dataset(grid)
    assert not report.problems
    assert len(grid) == 2 * 3 + 4 * 2
    assert grid.names == [grid[index].name for index in range(14)]
    assert report.sizes == {(128, 128): 14}
    trained = open_split(config, "train", random=True)
    np.testing.assert_array_equal(
        check_dataset(trained.on_grid()).class_pixels, report.class_pixels
    )
    whole = open_split(DataConfig(root=str(root)), "val")
    assert whole.image_size(0) == SIZES[0]


def test_what_does_not_fit_is_told(root, tmp_path):
    with pytest.raises(ValueError, match="window must be 0 or at least 32"):
        DataConfig(window=5)
    with pytest.raises(ValueError, match=r"data\.window: shapes has no files"):
        open_split(DataConfig(root="shapes", window=64), "train")
    image = write_geotiff(tmp_path / "a.tif", np.zeros((90, 80, 3), np.uint8), photometric="RGB")
    mask = write_geotiff(tmp_path / "m.tif", np.full((80, 90, 1), 7, np.uint8))
    with pytest.raises(ValueError, match=r"m\.tif: the mask has 80 rows and 90 columns"):
        RasterDataset([(image, mask)], Classes.numbered(2), 64)
    mask = write_geotiff(tmp_path / "m.tif", np.full((90, 80, 1), 7, np.uint8))
    with pytest.raises(ValueError, match=r"m\.tif, rows 0 to 64.*holds id 7"):
        RasterDataset([(image, mask)], Classes.numbered(2), 64, None)[0]
    # No data in a mask is ignored, unless its id is that of a class.
    mask = write_geotiff(tmp_path / "m.tif", np.full((90, 80, 1), 7, np.uint8), nodata=7)
    assert (RasterDataset([(image, mask)], Classes.numbered(2), 64)[0].labels == 255).all()
    mask = write_geotiff(tmp_path / "m.tif", np.ones((90, 80, 1), np.uint8), nodata=1)
    assert (RasterDataset([(image, mask)], Classes.numbered(2), 64)[0].labels == 1).all()


@pytest.mark.parametrize("options", [{"value_range": (0, 9000)}, {"percentiles": (2, 98)}], ids=str)
def test_bands_are_those_of_the_whole_image(tmp_path, monkeypatch, options):
    monkeypatch.setattr("contextseg.data.bands.values._SAMPLE", 10_000)  # every third pixel
    monkeypatch.setattr("contextseg.data.rasters.scene._CHUNK", 64)
    values = np.random.default_rng(0).integers(0, 9000, (300, 250, 5), np.uint16)
    path = write_geotiff(tmp_path / "bands.tif", values)
    images = ImagesConfig(channels=(4, 0, 2), **options)
    whole = read_pixels(path, images)
    scene = Scene(path, images)
    part = scene.read(100, 30, 120, 200)
    assert part.missing is None
    np.testing.assert_allclose(part.pixels, whole[100:220, 30:230], rtol=0, atol=1e-3)
    assert scene.size == (300, 250)


def test_nan_has_no_value(tmp_path):
    values = np.random.default_rng(0).random((90, 80, 2), np.float32)
    values[10:20, 30:40, 1] = np.nan
    path = write_geotiff(tmp_path / "nan.tif", values)
    images = ImagesConfig(channels=2, value_range=(0, 1))
    scene = Scene(path, images, fill=(102.0, 51.0))
    part = scene.read(0, 0, 90, 80)
    expected = np.zeros((90, 80), np.bool_)
    expected[10:20, 30:40] = True
    np.testing.assert_array_equal(part.missing, expected)
    assert (part.pixels[expected] == (102, 51)).all()
    np.testing.assert_allclose(part.pixels[~expected], 255 * values[~expected], rtol=1e-5)


def test_a_palette_is_shown_in_its_colours(tmp_path, gdal):
    values = np.random.default_rng(0).integers(0, 3, (64, 64, 1), np.uint8)
    path = write_geotiff(tmp_path / "palette.tif", values, photometric="palette")
    with gdal.open(path, "r+") as file:
        file.write_colormap(1, {0: (9, 8, 7), 1: (1, 2, 3), 2: (200, 100, 50)})
    colours = np.array([(9, 8, 7), (1, 2, 3), (200, 100, 50)], np.uint8)
    np.testing.assert_array_equal(Scene(path).read(0, 0, 64, 64).pixels, colours[values[..., 0]])
