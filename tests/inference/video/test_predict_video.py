"""Videos become videos of the same rate and number of frames, whatever is wrong with frames."""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from contextseg.data.images import ImageError
from contextseg.inference.earlier import OutputExistsError
from contextseg.inference.video import predict_video
from contextseg.inference.video.target import VideoTarget
from tests.inference.fakes import colour_predictor, draw_image
from tests.inference.video.clips import RATE, damage, draw_clip, shape_of
from tests.processes import Command


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".webm"])
def test_rate_and_number_of_frames_are_kept(suffix, tmp_path):
    clip = draw_clip(tmp_path / f"clip{suffix}")
    summary = predict_video(colour_predictor(), clip, tmp_path / f"out{suffix}")
    assert (summary.rate, summary.frames, summary.segmented) == (RATE, 12, 12)
    assert (summary.damaged, summary.missing) == ([], 0)
    rate, frames = shape_of(tmp_path / f"out{suffix}")
    assert (rate, len(frames), frames[0].shape) == (RATE, 12, (48, 64, 3))
    assert files(tmp_path) == [f"clip{suffix}", f"out{suffix}"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("bad", [{0}, {5}, {3, 4, 5, 9}, {11}, {0, 1, 10, 11}])
def test_frames_that_cannot_be_decoded_are_reported_and_skipped(suffix, bad, tmp_path):
    clip = damage(draw_clip(tmp_path / f"clip{suffix}"), bad)
    out, masks = tmp_path / "out.avi", tmp_path / "masks"
    summary = predict_video(colour_predictor(), clip, out, masks=masks)
    assert {frame.number for frame in summary.damaged} == bad
    assert (summary.frames, summary.segmented, summary.missing) == (12, 12 - len(bad), 0)
    assert files(masks) == [f"{i:06d}.png" for i in range(12) if i not in bad]
    rate, frames = shape_of(out)
    assert (rate, len(frames)) == (RATE, 12)
    for number in bad:  # what was shown before stands in its place, at the beginning what comes
        near = number - 1 if number and min(set(range(12)) - bad) < number else number + 1
        assert (frames[number] == frames[near]).all()


def test_a_frame_that_all_others_build_on(tmp_path):
    """VP9 decodes nothing until the next frame that stands for itself."""
    clip = damage(draw_clip(tmp_path / "clip.webm", frames=30), {0})
    summary = predict_video(colour_predictor(), clip, tmp_path / "out.mp4")
    assert summary.frames == len(shape_of(tmp_path / "out.mp4")[1]) == 30
    assert 1 <= len(summary.damaged) < 30
    assert [frame.number for frame in summary.damaged] == list(range(len(summary.damaged)))


def test_a_video_without_a_frame_is_refused(tmp_path):
    clip = damage(draw_clip(tmp_path / "clip.mp4", frames=4), range(4))
    with pytest.raises(ValueError, match=r"no frame of this video can be decoded"):
        predict_video(colour_predictor(), clip, tmp_path / "out.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ImageError, match=r"text.mp4 cannot be opened as a video"):
        predict_video(colour_predictor(), tmp_path / "text.mp4", tmp_path / "out.mp4")
    with pytest.raises(ImageError, match=r"none.mp4: no such file"):
        predict_video(colour_predictor(), tmp_path / "none.mp4", tmp_path / "out.mp4")
    assert files(tmp_path) == ["clip.mp4", "text.mp4"]


def test_a_file_that_is_cut_off_says_how_much_is_missing(tmp_path):
    clip = draw_clip(tmp_path / "clip.avi", frames=30)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    summary = predict_video(colour_predictor(), clip, tmp_path / "out.avi")
    assert summary.frames == len(shape_of(tmp_path / "out.avi")[1])
    assert 5 < summary.frames < 25
    assert summary.missing == 30 - summary.frames


def test_each_third_frame(tmp_path):
    clip = draw_clip(tmp_path / "clip.avi")
    seen = []
    predictor = colour_predictor()
    summary = predict_video(
        predictor, clip, tmp_path / "out.avi", masks=tmp_path / "m", every=3,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert (summary.frames, summary.segmented, len(predictor.model.seen)) == (12, 4, 4)
    assert files(tmp_path / "m") == ["000000.png", "000003.png", "000006.png", "000009.png"]
    assert seen == [(number, 12) for number in range(1, 13)]
    frames = shape_of(tmp_path / "out.avi")[1]
    assert all((a != b).any() for a, b in pairwise(frames))  # it moves on
    assert (np.array(Image.open(tmp_path / "m" / "000003.png")) < 5).all()


def test_frames_are_limited(tmp_path):
    clip = draw_clip(tmp_path / "clip.mp4")
    summary = predict_video(colour_predictor(), clip, tmp_path / "out.mp4", limit=5)
    assert (summary.frames, summary.missing) == (5, 0)


def test_nothing_is_replaced_unless_asked(tmp_path):
    clip, out, masks = draw_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4", tmp_path / "m"
    predictor = colour_predictor()
    predict_video(predictor, clip, out, masks=masks)
    (masks / "notes.txt").write_text("mine")
    before = out.stat().st_mtime_ns
    with pytest.raises(OutputExistsError, match=r"out.mp4 exists already"):
        predict_video(predictor, clip, out)
    with pytest.raises(OutputExistsError, match=r"000000.png exists already"):
        predict_video(predictor, clip, tmp_path / "other.mp4", masks=masks)
    assert out.stat().st_mtime_ns == before
    predict_video(predictor, clip, out, masks=masks, every=6, overwrite=True)
    assert files(masks) == ["000000.png", "000006.png", "notes.txt"]  # and no older ones
    with pytest.raises(ValueError, match=r"would replace the video itself"):
        predict_video(predictor, clip, clip, overwrite=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every must be at least 1"),
        ({"smooth": 1.0}, "smooth must be at least 0"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"out": "out.gif"}, "videos are written as .mp4"),
    ],
)
def test_options_are_checked_before_the_video_is_opened(options, message, tmp_path):
    options = dict(options)
    out = tmp_path / options.pop("out", "out.mp4")
    with pytest.raises(ValueError, match=message):
        predict_video(colour_predictor(), tmp_path / "none.mp4", out, **options)


def test_an_error_leaves_nothing_behind(tmp_path):
    clip = draw_clip(tmp_path / "clip.mp4")
    predictor = colour_predictor()
    forward, calls = predictor.model.forward, []

    def fails(images):
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("broken")
        return forward(images)

    predictor.model.forward = fails
    with pytest.raises(RuntimeError, match="broken"):
        predict_video(predictor, clip, tmp_path / "out.mp4")
    assert files(tmp_path) == ["clip.mp4"]


def test_a_file_that_lacks_frames_is_not_kept(tmp_path):
    """OpenCV does not report a full disk: the frames are counted."""
    target = VideoTarget(tmp_path / "out.mp4", RATE)
    for _ in range(3):
        target.write(draw_image(48, 64))
    target.frames += 1  # one that did not get through
    with pytest.raises(OSError, match=r"No space left.*out.mp4"):
        target.close()


def _forever(clip: str, out: str) -> None:
    predictor = colour_predictor()
    forward = predictor.model.forward

    def slow(images):
        print("frame", flush=True)
        time.sleep(0.2)
        return forward(images)

    predictor.model.forward = slow
    predict_video(predictor, clip, out)


@pytest.mark.slow
def test_a_killed_process_leaves_no_half_file_under_the_name(tmp_path):
    clip, out = draw_clip(tmp_path / "clip.mp4", frames=500), tmp_path / "out.mp4"
    command = Command(_forever, str(clip), str(out))
    for _ in range(3):
        assert command.stdout.readline() == "frame\n"
    command.send_signal(signal.SIGKILL)
    command.rest()
    assert not out.exists()
    left = [path for path in tmp_path.iterdir() if path != clip]
    assert all(path.name.startswith(".out.") for path in left)
    predict_video(colour_predictor(), clip, out, limit=3)
    assert files(tmp_path) == ["clip.mp4", "out.mp4"]
    assert os.path.getsize(out) > 0
