"""Folders in which something is wrong: it is listed, and the rest is done."""

from __future__ import annotations

import errno
import os
import sys

import numpy as np
import pytest
from PIL import Image

from contextseg.data.images import ImageError, image_size, read_image, read_mask
from contextseg.inference.inputs import find_images
from contextseg.inference.predict_files import MASKS, predict_files
from contextseg.interop.export.images import sample_images
from contextseg.system.failures import MachineError
from tests.inference.fakes import colour_predictor
from tests.inference.test_predict_files import files, lines, write_image

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")


def segmented(folder, out, **options):
    """Names of the masks, and the reasons of the failures by file name."""
    summary = predict_files(colour_predictor(), [folder], out, **options)
    masks = files(out / MASKS)
    assert summary.done == len(masks) == len(lines(out))
    return masks, {path.name: reason for path, reason in summary.failed}


@pytest.mark.parametrize("size", [(1, 70000), (70000, 1), (1, 100000)])
def test_an_overlay_is_reduced_to_what_jpeg_can_hold(tmp_path, size):
    write_image(tmp_path / "in" / "z.png")
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(tmp_path / "in" / "long.png")
    masks, failed = segmented(tmp_path / "in", tmp_path / "out")
    assert (masks, failed) == ({"long.png", "z.png"}, {})
    with Image.open(tmp_path / "out" / "masks" / "long.png") as mask:
        assert mask.size == size[::-1]
    with Image.open(tmp_path / "out" / "overlays" / "long.jpg") as overlay:
        assert max(overlay.size) == 65500


@needs_links
def test_links_in_circles_are_followed_once(tmp_path):
    folder = tmp_path / "in"
    for name in ("a/x.png", "b/y.png", "z.png"):
        write_image(folder / name)
    for name in ("back", "again"):  # two of them double the paths with every level
        (folder / "a" / name).symlink_to(folder)
        (folder / "b" / name).symlink_to(folder)
    (folder / "b" / "sibling").symlink_to(folder / "a")
    (folder / "above").symlink_to(tmp_path)
    assert segmented(folder, tmp_path / "out", overlays=False) == (
        {"a/x.png", "b/y.png", "z.png"}, {},
    )  # fmt: skip
    assert [image.name for image in find_images([f"{folder}/**/*.png"]).images] == [
        "a/x", "b/y", "z",
    ]  # fmt: skip


@needs_links
def test_a_folder_elsewhere_is_found_through_its_link(tmp_path):
    write_image(tmp_path / "elsewhere" / "deep" / "x.png")
    (tmp_path / "in").mkdir()
    for name in ("one", "two"):
        (tmp_path / "in" / name).symlink_to(tmp_path / "elsewhere")
    assert segmented(tmp_path / "in", tmp_path / "out") == ({"one/deep/x.png"}, {})


@needs_links
def test_broken_links_are_listed(tmp_path):
    folder = tmp_path / "in"
    write_image(folder / "z.png")
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "gone").symlink_to(tmp_path / "unmounted")
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere.txt")  # would be no image
    masks, failed = segmented(folder, tmp_path / "out")
    assert masks == {"z.png"}
    assert sorted(failed) == ["gone", "gone.png", "self.png"]
    assert "gone.png: no such file or folder" in failed["gone.png"]
    # As arguments, as a shell expands in/*.png, too.
    found = find_images(sorted(folder.iterdir()))
    assert [image.name for image in found.images] == ["z"]
    assert {path.name for path, _ in found.failed} == {"gone", "gone.png", "gone.txt", "self.png"}


@needs_pipes
def test_what_is_no_file_is_not_opened(tmp_path):
    folder = tmp_path / "in"
    write_image(folder / "z.png")
    os.mkfifo(folder / "pipe.png")
    os.mkfifo(folder / "pipe")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    masks, failed = segmented(folder, tmp_path / "out")
    assert masks == {"z.png"}
    assert sorted(failed) == ["pipe.png", "zero.jpg"]
    assert failed["pipe.png"].endswith("pipe.png: not a regular file but a named pipe")
    assert failed["zero.jpg"].endswith("zero.jpg: not a regular file but a device")
    for given in (folder / "pipe.png", f"{folder}/p*.png", f"{folder}/**/p*.png"):
        assert [path.name for path, _ in find_images([given]).failed] == ["pipe.png"]


@needs_pipes
@pytest.mark.parametrize("read", [read_image, image_size, read_mask])
def test_reading_what_is_no_file_names_it(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.png")
    for path, kind in ((tmp_path / "pipe.png", "a named pipe"), (tmp_path, "a folder")):
        with pytest.raises(ImageError, match=f"not a regular file but {kind}") as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")


def test_an_unreadable_folder_is_listed(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    for name in ("a/x.png", "b/y.png", "z.png"):
        write_image(folder / name)
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "a":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    masks, failed = segmented(folder, tmp_path / "out")
    assert masks == {"b/y.png", "z.png"}
    assert failed == {"a": f"{folder / 'a'}: Permission denied"}


def test_files_that_vanish_or_are_empty_are_listed(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("a.png", "b.png", "c.png", "d.png"):
        write_image(folder / name)
    (folder / "c.png").write_bytes(b"")

    def progress(done, total):
        (folder / "b.png").unlink(missing_ok=True)

    masks, failed = segmented(folder, out, progress=progress)
    assert masks == {"a.png", "d.png"}
    assert list(failed) == ["b.png", "c.png"]
    assert failed["b.png"] == f"{folder / 'b.png'}: no such file."


class Failing:
    """A network that fails for images of some rows."""

    def __init__(self, error: Exception) -> None:
        self.predictor = colour_predictor()
        forward = self.predictor.model.forward

        def fail(images):
            if images.shape[2] == 64:
                raise error
            return forward(images)

        self.predictor.model.forward = fail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "--window 512"),
        (MemoryError(), "out of memory"),
        (AssertionError("odd size"), "AssertionError: odd size"),
        (ValueError("it is too small"), "large.png: it is too small"),
    ],
)
def test_one_image_too_many_for_the_network(tmp_path, error, reason):
    folder = tmp_path / "in"
    for name, rows in (("a.png", 40), ("large.png", 64), ("z.png", 40)):
        write_image(folder / name, size=(rows, 48))
    summary = predict_files(Failing(error).predictor, [folder], tmp_path / "out")
    assert files(tmp_path / "out" / MASKS) == {"a.png", "z.png"}
    ((path, said),) = summary.failed
    assert path == folder / "large.png"
    assert str(path) in said
    assert reason in said


def test_a_full_disk_ends_the_work(tmp_path):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "in" / name, size=(64, 48))
    predictor = Failing(OSError(errno.ENOSPC, "No space left on device")).predictor
    with pytest.raises(MachineError, match=r"the disk is full.*results of earlier images are in"):
        predict_files(predictor, [tmp_path / "in"], tmp_path / "out")


@pytest.mark.skipif(sys.platform == "win32", reason="paths are shorter there")
def test_names_that_no_result_can_have(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("z.png", f"{'n' * 240}.jpg", "both/x.png", "both.png"):
        write_image(folder / name)
    for name in (f"{'m' * 251}.png", f"{'m' * 250}.jpeg"):  # 255 with the suffix
        write_image(folder / name)
    (out / "masks" / "z.png").mkdir(parents=True)  # a folder where a mask should be
    summary = predict_files(colour_predictor(), [folder], out, overwrite=True, overlays=False)
    ((path, reason),) = summary.failed
    assert path == folder / "z.png"
    assert f"{out / 'masks' / 'z.png'}: Is a directory" in reason
    assert summary.done == 5


def test_names_that_are_not_utf_8(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    path = os.fsencode(write_image(folder / "a.png"))
    try:
        os.rename(path, path.replace(b"a.png", b"\xff\xfe.png"))
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    masks, failed = segmented(folder, out)
    assert failed == {}
    assert [os.fsencode(name) for name in masks] == [b"\xff\xfe.png"]
    assert os.fsencode(lines(out)[0]["file"]) == path.replace(b"a.png", b"\xff\xfe.png")
    assert segmented(folder, out, overwrite=True)[1] == {}
    assert predict_files(colour_predictor(), [folder], out, skip_existing=True).kept == 1


def test_names_that_clash_in_every_way(tmp_path):
    for name in ("a.jpg", "a.png", "a.jpg.png", "b.png"):
        write_image(tmp_path / "in" / name)
    masks, failed = segmented(tmp_path / "in", tmp_path / "out")
    assert (masks, failed) == ({"a.jpg.png", "a.png.png", "a.jpg.png.png", "b.png"}, {})


def test_results_beside_the_photos(tmp_path):
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "sub" / "b.png")
    for _ in range(2):
        masks, _ = segmented(tmp_path, tmp_path, overwrite=True)
        assert masks == {"a.png", "sub/b.png"}


def test_an_export_is_calibrated_on_what_can_be_read(tmp_path):
    for index in range(4):
        write_image(tmp_path / f"{index}.png", seed=index, size=(40, 40 + index))
    (tmp_path / "0.png").write_bytes(b"no image")
    assert sorted(image.shape[1] for image in sample_images(tmp_path, 3)) == [41, 42, 43]
    for index in range(4):
        (tmp_path / f"{index}.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="holds no image that can be read"):
        sample_images(tmp_path, 3)
