"""The same archives from workers of Ray, where Ray is installed."""

from __future__ import annotations

import pytest

from contextseg.inference.batch.options import BatchOptions
from contextseg.inference.batch.run import batch_files
from tests.inference.batch.batches import archives, write_images, write_list


@pytest.mark.slow
def test_archives_of_ray_are_those_of_one_process(model, tmp_path):
    """Takes more than 20 seconds: Ray starts several processes."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'contextseg[batch]'")
    paths = write_images(tmp_path / "in", 6)
    paths[2].write_bytes(b"no image")
    given = write_list(tmp_path / "list", paths)
    for engine in ("ranks", "ray"):
        options = BatchOptions(shard_size=2, device="cpu", engine=engine, workers=2)
        report = batch_files(model, given, tmp_path / engine, options)
        assert (report.done, report.failed, report.computed) == (5, 1, 6)
    assert archives(tmp_path / "ray") == archives(tmp_path / "ranks")
    (tmp_path / "ray" / "shard-000001.tar").unlink()
    assert batch_files(model, given, tmp_path / "ray", options).computed == 2
    assert archives(tmp_path / "ray") == archives(tmp_path / "ranks")
