"""What the fuzzer of `benchmarks.reliability` found, and its neighbours: each is refused."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import torch

from contextseg.comparison.results import read_comparison
from contextseg.config.yaml_text import load_yaml
from contextseg.data.bands.read import read_values
from contextseg.data.formats import import_data
from contextseg.data.formats.documents import read_json, read_xml
from contextseg.data.formats.log import FormatError
from contextseg.data.layouts.pascal_context import DetailAnnotations
from contextseg.data.packed.facts import read_facts
from contextseg.data.pairing import Entry
from contextseg.data.picture_files import ImageError
from contextseg.data.run_lengths import decode_run_lengths
from contextseg.data.wrong_labels import read_wrong
from contextseg.evaluation.score_files import read_class_scores, read_scores
from contextseg.inference.batch.archive import read_errors
from contextseg.inference.batch.manifest import listed
from contextseg.inference.raster.journal import Journal
from contextseg.interop.formats.layout import ForeignCheckpointError
from contextseg.interop.formats.mmseg_settings import conventions
from contextseg.system.weight_files import read_weights
from contextseg.training.run_folder import read_log, read_sessions
from tests.data.formats import exports
from tests.hostile import texts


@pytest.mark.parametrize("length", [2**32 - 1, 2**31, 50_000])
def test_a_header_of_numpy_is_not_longer_than_headers_are(length, tmp_path):
    header = b"{'descr': '<u2', 'fortran_order': False, 'shape': (4, 5, 3), }\n"
    content = b"\x93NUMPY\x02\x00" + length.to_bytes(4, "little") + header + bytes(200_000)
    (tmp_path / "a.npy").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=r"a\.npy: cannot be read as a \.npy file"):
            read_values(tmp_path / "a.npy")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("counts", ["", b"", [], [None], [2**70], [[3, 3]], ["x"], 9, [9.5, "a"]])
def test_run_lengths_of_anything(counts):
    with pytest.raises(ValueError, match="run"):
        decode_run_lengths(counts, (3, 3))


def test_run_lengths_of_nothing_are_those_of_no_pixels():
    assert decode_run_lengths("", (0, 3)).shape == decode_run_lengths([], (0, 3)).shape == (0, 3)


XML = {
    "unknown": b'<?xml version="1.0" encoding="utf-1"?><annotations/>',
    "several bytes": b'<?xml version="1.0" encoding="big5"?><annotations/>',
    "no text": b'<?xml version="1.0" encoding="hex"?><annotations/>',
    "cut off": b"<annotations><a",
}


@pytest.mark.parametrize("name", XML)
def test_xml_in_encodings_that_no_parser_has(name, tmp_path):
    (tmp_path / "a.xml").write_bytes(XML[name])
    with pytest.raises(FormatError, match="is broken XML"):
        read_xml(tmp_path / "a.xml")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig", "latin-1"])
def test_document_types_are_refused_in_every_encoding(encoding, tmp_path):
    declared = "" if encoding == "utf-8-sig" else f' encoding="{encoding}"'
    text = f'<?xml version="1.0"{declared}?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    with pytest.raises(FormatError, match="has a document type"):
        read_xml(tmp_path / "a.xml")
    (tmp_path / "a.xml").write_bytes(
        f'<?xml version="1.0"{declared}?><a>&lt;!DOCTYPE</a>'.encode(encoding)
    )
    assert read_xml(tmp_path / "a.xml").text == "<!DOCTYPE"


def test_numbers_of_thousands_of_digits_in_a_document(tmp_path):
    exports.labelme(tmp_path / "e")
    (tmp_path / "e" / "b.json").write_text('{"imagePath": "a.png", "shapes": [%s]}' % ("9" * 5000))
    with pytest.raises(FormatError, match="is JSON that cannot be read"):
        read_json(tmp_path / "e" / "b.json")
    report = import_data(tmp_path / "e", tmp_path / "out", val=0)
    assert [fault.split(":")[0] for fault in report.log.faults] == ["b.json"]
    assert report.images == {"train": 1}


YOLO = {
    "date": "train: 2001-99-99",
    "number": "train: 0b_",
    "tag": "train: !!bool maybe",
    "aliases": texts.merges(12) + "train: train/images",
    "itself": "names: &a [*a]",
}


@pytest.mark.parametrize("name", YOLO)
def test_the_yaml_of_yolo_is_read_like_other_yaml(name, tmp_path):
    exports.yolo(tmp_path / "e")
    names = "" if "names" in YOLO[name] else "names: [tree, road, car]\n"
    (tmp_path / "e" / "data.yaml").write_text(names + YOLO[name] + "\nval: train/images\n")
    with pytest.raises(ValueError, match=r"data\.yaml: "):
        import_data(tmp_path / "e", tmp_path / "out", format="yolo")


@pytest.mark.parametrize(
    "text", ["a: !!timestamp x", "a: !!set [1]", "a: !!map [1]", "a: !!bool maybe", "a: !!int x"]
)
def test_yaml_tags_that_lie(text):
    with pytest.raises(ValueError, match=r"tag|invalid literal"):
        load_yaml(text)


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), float("nan"), None])
def test_a_config_of_mmsegmentation_with_endless_numbers(number):
    steps = [{"type": "Normalize", "mean": [1, number, 1], "std": [1, 1, 1]}]
    with pytest.raises(ForeignCheckpointError, match="mean that cannot be read as three numbers"):
        conventions({"test_pipeline": steps})


@pytest.mark.parametrize("key", ["strides", "dilations"])
@pytest.mark.parametrize("value", [3, "1222", [[1], 2, 1, 1], {"a": 1}, [1, 2, None, 1], True])
def test_a_config_of_mmsegmentation_with_other_things_than_strides(key, value):
    with pytest.raises(ForeignCheckpointError, match="the dilation patterns of output stride"):
        conventions({"model": {"backbone": {"type": "ResNetV1c", key: value}}})


@pytest.mark.parametrize("version", [64, 90, 255])
def test_a_zip_file_of_another_version(version, tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", "{}")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 6] = version
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.zip: is no zip file, or a damaged one"):
        import_data(path, tmp_path / "out")


SCORES = {"presence_map": 0.5, "exact": [3, 4], "classes": [{"name": "a"}], "confusion": [[1]]}


@pytest.mark.parametrize(
    "content",
    [[], "x", 3, SCORES | {"confusion": [[1], [2, 3]]}, SCORES | {"confusion": [[["a"]]]},
     SCORES | {"exact": [3]}, SCORES | {"exact": [3, float("inf")]}, SCORES | {"classes": 3}],
)  # fmt: skip
def test_files_of_other_things_than_scores(content, tmp_path):
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"scores\.json: does not hold scores of a classifier"):
        read_class_scores(path)
    if not isinstance(content, dict) or content["exact"] == SCORES["exact"]:
        with pytest.raises(ValueError, match=r"scores\.json: does not hold scores"):
            read_scores(path)


@pytest.mark.parametrize("entries", [[{"runs": [[]]}], [[]], {"a": 1}, [{"runs": "x"}], 3])
def test_files_of_other_things_than_comparisons(entries, tmp_path):
    (tmp_path / "comparison.json").write_text(json.dumps({"entries": entries}))
    with pytest.raises(ValueError, match=r"comparison\.json is not a comparison file"):
        read_comparison(tmp_path)


@pytest.mark.parametrize("values", [[0], [], 3, ["a", 1], {"a": 1}, [10**400, 1]])
def test_packs_of_half_a_range(values, tmp_path):
    content = {"version": 1, "layout": "folder", "splits": {}, "shards": [],
               "bands": {"channels": 3, "value_range": values, "text": ""}}  # fmt: skip
    (tmp_path / "pack.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"pack\.json: is no file that"):
        read_facts(tmp_path / "pack.json")


@pytest.mark.parametrize("at", [12, 20, 30])
def test_a_list_whose_compression_is_damaged(at, tmp_path):
    packed = bytearray(gzip.compress(b"".join(b"%d.png\n" % n for n in range(999)), mtime=0))
    packed[at : at + 8] = b"\xff" * 8
    (tmp_path / "list.gz").write_bytes(packed)
    with (
        pytest.raises(ValueError, match=r"list\.gz: is damaged"),
        listed(tmp_path / "list.gz", tmp_path),
    ):
        pass


def test_an_archive_that_is_damaged_before_its_end(tmp_path):
    path = tmp_path / "shard-000000.tar"
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo("errors.jsonl")
        entry.size = 3
        tar.addfile(entry, io.BytesIO(b"{x}"))
    whole = path.read_bytes()
    for content in (
        b"\0\1" * 256 + whole[512:],
        whole[:512] + b"\1" + whole[513:],
        b"",
        whole[:600],
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"shard-000000\.tar: is damaged .*makes it again"):
            read_errors(path)


LOGS = {
    "step\ninf\n": "step: must be a whole number, got inf",
    "step\nnan\n": "step: must be a whole number, got nan",
    "step\n1.5\n": "step: must be a whole number, got 1.5",
    "step,loss\n1," + "9" * 200_000 + "\n": "line [12]: field larger",
    "step\n\udcff\n": "not UTF-8",
}


@pytest.mark.parametrize("text", LOGS, ids=LOGS.values())
def test_logs_of_a_training(text, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=rf"metrics\.csv.*{LOGS[text]}"):
        read_log(path)


@pytest.mark.parametrize("text", ['{"seconds": 3}', "3", '"x"', "[3, null]", "{", "[[]]"])
def test_sessions_that_somebody_edited(text, tmp_path):
    (tmp_path / "sessions.json").write_text(text)
    assert read_sessions(tmp_path) == []


def test_a_table_of_roboflow_with_an_endless_cell(tmp_path):
    exports.masks(tmp_path / "e")
    (tmp_path / "e" / "train" / "_classes.csv").write_text("Pixel Value, Class\n1," + "a" * 200_000)
    with pytest.raises(ValueError, match=r"_classes\.csv: is no table: field larger"):
        import_data(tmp_path / "e", tmp_path / "out", format="masks")


def test_wrong_labels_in_another_encoding_are_named(tmp_path):
    (tmp_path / "wrong_labels.txt").write_bytes("straße\tfalsch\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"wrong_labels\.txt"):
        read_wrong(tmp_path)


JOURNALS = (
    '{"work": {"a": 1}, "keads": [8]}',
    '{"work": {"a": 1}, "heads": 4}',
    '{"work": {"a": 1}, "heads": [8, 8]}',
    '{"work": {"a": 1}, "heads": [-8]}',
    "[]",
    "3",
)
LINES = ('{"rows": 8}', '{"rows": "x", "counts": [[]]}', '{"counts": [[3]]}', "[]", "null",
         '{"rows": 8, "counts": [["x"]]}', '{"rows": 8, "counts": [[1], [2]]}',
         '{"rows": 8, "counts": [[]], "complete": 3}')  # fmt: skip


@pytest.mark.parametrize("damaged", [(line,) for line in JOURNALS] + [
    ('{"work": {"a": 1}, "heads": [8]}', '{"rows": 4, "counts": [[30]]}', line) for line in LINES
])  # fmt: skip
def test_a_damaged_journal_counts_as_far_as_it_is_whole(damaged, tmp_path):
    folder = tmp_path / "x.tif.unfinished"
    folder.mkdir()
    (folder / "journal.jsonl").write_text("".join(line + "\n" for line in damaged))
    journal = Journal(folder, ["mask"])
    journal.file("mask").write_bytes(bytes(50))

    def begin(file: Path, _: str) -> int:
        file.write_bytes(bytes(8))
        return 8

    journal.open({"a": 1}, begin)
    assert journal.rows == (4 if len(damaged) > 1 else 0)
    assert journal.file("mask").stat().st_size == (38 if len(damaged) > 1 else 8)


DETAIL = {
    "images": [{"file_name": "a.jpg", "image_id": 1, "height": 4, "width": 4, "phase": "val"}],
    "annos_segmentation": [
        {"category_id": 2, "image_id": 1, "segmentation": {"counts": [4, 12], "size": [4, 4]}}
    ],
}


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [("images", "height", 10**9), ("images", "height", "x"), ("images", "width", float("inf")),
     ("images", "width", -1), ("images", "image_id", [1]), ("images", "image_id", {}),
      ("annos_segmentation", "category_id", float("inf")),
     ("annos_segmentation", "segmentation", 3),
     ("annos_segmentation", "segmentation", {"counts": [16], "size": "ab"})],
)  # fmt: skip
def test_a_file_of_the_detail_api_with_anything_in_it(part, key, value, tmp_path):
    path = tmp_path / "trainval_merged.json"
    for content in (DETAIL, {**DETAIL, part: [{**DETAIL[part][0], key: value}]}):
        path.write_text(json.dumps(content))
        if content is DETAIL:
            assert DetailAnnotations(path).ids(Entry("a", path, path)).shape == (4, 4)
            continue
        with pytest.raises(ValueError, match=r"trainval_merged\.json"):
            DetailAnnotations(path).ids(Entry("a", path, path))


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
@pytest.mark.parametrize("claim", [2**32 - 256, 2**31])
def test_a_plain_pickle_gets_no_memory_for_a_text_that_it_lacks(claim, tmp_path):
    saved = io.BytesIO()
    torch.save({"weight": torch.zeros(4)}, saved, _use_new_zipfile_serialization=False)
    at = saved.getvalue().index(b"X\x06\0\0\0weight")
    content = saved.getvalue()
    (tmp_path / "a.pth").write_bytes(
        content[: at + 1] + claim.to_bytes(4, "little") + content[at + 5 :]
    )
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"a\.pth is not a"):
            read_weights(tmp_path / "a.pth")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
