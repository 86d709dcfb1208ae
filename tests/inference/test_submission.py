"""Archives as the servers of VOC and Cityscapes take them."""

from __future__ import annotations

import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset
from contextseg.data.vocabularies import vocabulary
from contextseg.inference.predictor import Predictor
from contextseg.inference.submission import write_submission
from tests.data import native
from tests.inference.fakes import ColourModel


def predictor_of(name: str) -> Predictor:
    classes = vocabulary(name)
    return Predictor(ColourModel(classes.num_classes), classes, "cpu")


def test_voc(tmp_path):
    dataset = open_dataset(str(native.write_voc(tmp_path)), "test")
    predictor = predictor_of("voc2012")
    write_submission(tmp_path / "results.tar.gz", predictor, dataset, competition="comp5")
    with tarfile.open(tmp_path / "results.tar.gz") as archive:
        names = archive.getnames()
        assert names == [
            f"results/VOC2012/Segmentation/comp5_test_cls/2007_test{i}.png" for i in range(3)
        ]
        image = Image.open(archive.extractfile(names[1]))
        image.load()
    assert image.mode == "P"
    palette = np.array(image.getpalette()).reshape(-1, 3)
    assert palette[[0, 1, 15]].tolist() == [[0, 0, 0], [128, 0, 0], [192, 128, 128]]
    assert np.array_equal(np.array(image), predictor.segment(dataset.image(1)).labels)


def test_cityscapes(tmp_path):
    dataset = open_dataset(str(native.write_cityscapes(tmp_path)), "test")
    predictor = predictor_of("cityscapes")
    write_submission(tmp_path / "results.zip", predictor, dataset)
    with zipfile.ZipFile(tmp_path / "results.zip") as archive:
        names = archive.namelist()
        assert sorted(names) == [
            "aachen_000000_000019.png", "aachen_000002_000019.png", "ulm_000001_000019.png",
        ]  # fmt: skip
        images = [Image.open(io.BytesIO(archive.read(name))) for name in names]
    ids = vocabulary("cityscapes").ids
    for index, image in enumerate(images):
        assert image.mode == "L"
        expected = ids[predictor.segment(dataset.image(index)).labels]
        assert np.array_equal(np.array(image), expected)
    assert not list(tmp_path.glob("*.part*"))


def test_what_no_server_takes_is_refused(tmp_path):
    voc = open_dataset(str(native.write_voc(tmp_path / "voc")), "test")
    ade = open_dataset(str(native.write_ade20k(tmp_path / "ade")), "val")
    with pytest.raises(ValueError, match=r"expects a file that ends in .tar.gz"):
        write_submission(tmp_path / "a.zip", predictor_of("voc2012"), voc)
    with pytest.raises(ValueError, match="classes are not those of"):
        write_submission(tmp_path / "a.tar.gz", predictor_of("cityscapes"), voc)
    with pytest.raises(ValueError, match="no server format is known for ADE20K"):
        write_submission(tmp_path / "a.zip", predictor_of("ade20k"), ade)
