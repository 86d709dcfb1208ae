"""Frames one after the other: from files and webcams, with and without the past."""

from __future__ import annotations

import logging
from itertools import pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from contextseg.data.images import ImageError
from contextseg.inference.video import predict_video, source
from contextseg.inference.video.smoothing import LogitHistory
from contextseg.inference.video.source import is_video, opened
from contextseg.inference.views.run import ViewLogits
from tests.inference.fakes import colour_predictor, draw_image
from tests.inference.video.clips import damage, draw_clip, shape_of


def test_a_predictor_gives_the_frames_of_a_video(tmp_path, caplog):
    clip = damage(draw_clip(tmp_path / "clip.avi"), {4})
    predictor = colour_predictor(presence=True)
    with caplog.at_level(logging.WARNING):
        results = list(predictor.video(clip))
    assert [each.number for each in results] == [i for i in range(12) if i != 4]
    assert [round(each.seconds * 12.5) for each in results] == [each.number for each in results]
    assert "frame 4 (0.32 s) cannot be decoded" in caplog.text
    one = predictor(results[3].image)
    assert (one.mask == results[3].mask).all()
    assert one.presence == results[3].presence
    assert [each.number for each in predictor.video(clip, every=4)] == [0, 5, 8]
    assert len(list(predictor.stream(str(clip)))) == 11
    assert results[0].ignored == 0.0
    assert next(predictor.video(clip, confidence=True)).ignore_below(0.3).mask.shape == (48, 64)


def test_a_call_names_the_way_for_videos(tmp_path):
    clip = draw_clip(tmp_path / "clip.mp4")
    with pytest.raises(ImageError, match=r"is a video. .*predictor.video\("):
        colour_predictor()(clip)
    assert [is_video(each) for each in ("a.MP4", 0, True, "a.png", draw_image(8, 8), None)] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


def test_an_abandoned_video_is_closed(tmp_path):
    clip = draw_clip(tmp_path / "clip.mp4", frames=60)
    results = colour_predictor().video(clip)
    assert next(results).number == 0
    results.close()
    with pytest.raises(StopIteration):
        next(results)
    clip.unlink()


def test_the_exponential_mean():
    frames = [torch.randn(3, 4, 5) for _ in range(3)]
    history = LogitHistory(0.6)
    mean = frames[0]
    for number, frame in enumerate(frames):
        mean = 0.6 * mean + 0.4 * frame if number else frame
        found = history(ViewLogits([], [frame], [], (8, 8), False)).coarse_logits
        torch.testing.assert_close(found[0], mean)
    other = torch.randn(3, 6, 5)  # of another size: it starts again
    assert (history(ViewLogits([], [other], [], (8, 8), False)).coarse_logits[0] == other).all()


def test_smoothing_changes_labels_only_by_the_past(tmp_path):
    clip = draw_clip(tmp_path / "clip.avi")
    predictor = colour_predictor()
    plain = [each.mask for each in predictor.video(clip)]
    off = [each.mask for each in predictor.video(clip, smooth=0.0)]
    smooth = [each.mask for each in predictor.video(clip, smooth=0.9)]
    assert all((a == b).all() for a, b in zip(plain, off, strict=True))
    assert (plain[0] == smooth[0]).all()

    def changes(masks):
        return np.mean([(a != b).mean() for a, b in pairwise(masks)])

    assert changes(smooth) < 0.5 * changes(plain)


def test_packets_that_are_no_frames_do_not_count_as_lost(monkeypatch):
    """Some formats hold packets that the decoder swallows; all frames came in time."""
    times = iter([0.0, 80.0, 160.0])

    class Capture:
        def read(self):
            self.now = next(times, None)
            return self.now is not None, np.zeros((4, 4, 3), np.uint8)

        def get(self, _):
            return self.now

    class Packets(source._Packets):
        def has(self, count):
            self._times = [0.0, 40.0, 80.0, 120.0, 160.0]
            return count <= 5

    monkeypatch.setattr(source, "_Packets", Packets)
    frames = list(source._of_file("clip", Capture(), 12.5))  # type: ignore[arg-type]
    assert [frame.pixels is None for frame in frames] == [False] * 3


@pytest.fixture
def webcam(monkeypatch):
    """A camera of 10 frames per second of which each second one is late; then Ctrl-C."""
    state = SimpleNamespace(now=0.0, read=0, last=12)

    class Camera:
        def isOpened(self):  # noqa: N802
            return True

        def get(self, what):
            return 10.0 if what == cv2.CAP_PROP_FPS else 0.0

        def set(self, *_):
            return True

        def read(self):
            if state.read == state.last:
                return False, None
            state.now += 0.1 if state.read % 2 else 0.3
            state.read += 1
            return True, draw_image(48, 64, seed=state.read)

        def release(self):
            state.released = True

    monkeypatch.setattr(source, "time", SimpleNamespace(monotonic=lambda: state.now))
    actual = cv2.VideoCapture
    monkeypatch.setattr(
        cv2, "VideoCapture", lambda *words: Camera() if words == (2,) else actual(*words)
    )
    return state


def test_a_webcam_is_numbered_by_the_clock(webcam):
    with opened(2) as video:
        assert (video.name, video.rate, video.is_live) == ("webcam 2", 10.0, True)
        numbers = [next(video.frames).number for _ in range(12)]
        with pytest.raises(ImageError, match="webcam 2 delivers no frames any more"):
            next(video.frames)
    assert numbers == [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21]
    assert webcam.released


def test_ctrl_c_completes_the_video_of_a_webcam(webcam, tmp_path):
    predictor = colour_predictor()
    forward = predictor.model.forward

    def stops(images):
        if len(predictor.model.seen) == 5:
            raise KeyboardInterrupt
        return forward(images)

    predictor.model.forward = stops
    summary = predict_video(predictor, 2, tmp_path / "out.avi")
    assert (summary.segmented, summary.damaged, summary.missing) == (5, [], 0)
    rate, frames = shape_of(tmp_path / "out.avi")
    assert rate == 10.0
    assert len(frames) == summary.frames == 9  # numbers 0, 1, 4, 5, 8: others are repeats
    assert (frames[1] == frames[3]).all()
    assert webcam.released


def test_a_webcam_that_is_not_there():
    with pytest.raises(ImageError, match="webcam 97: there is none"), opened(97):
        pass
