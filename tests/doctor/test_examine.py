"""The examination: of a machine that works, and of those on which something does not."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from packaging.requirements import Requirement

from contextseg.doctor import examine, letters, machine, packages, prediction, pytorch
from contextseg.doctor.findings import looked_at
from contextseg.system import fonts
from contextseg.system.bfloat16 import Verdict


@pytest.fixture
def few_packages(monkeypatch):
    """Only PyYAML is needed: imports of everything else take seconds."""
    requirements = {packages.CORE: [Requirement("pyyaml>=6")], "none": [Requirement("pkgnone>=1")]}
    monkeypatch.setattr(packages, "needed", lambda: requirements)
    return requirements


def test_a_machine_that_works(few_packages):
    before = torch.random.get_rng_state()
    examination = examine()
    assert examination.healthy, examination
    found = {(finding.section, finding.name): finding for finding in examination.findings}
    assert found["packages", "pyyaml"].state == "fine"
    assert found["extras", "none"].state == "missing"
    assert found["prediction", "processor"].state == "fine"
    assert {"system", "processor", "cores", "memory", "shared memory"} == {
        name for section, name in found if section == "machine"
    }
    assert {"street", "animals"} <= {name for section, name in found if section == "models"}
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(finding.state != "note" or finding.advice for finding in examination.findings)


def test_nothing_is_imported_where_a_package_is_broken(few_packages, monkeypatch):
    few_packages[packages.CORE].append(Requirement("pkgnone>=1"))
    monkeypatch.setattr(pytorch, "threads", lambda: pytest.fail("PyTorch was used"))
    examination = examine()
    assert not examination.healthy
    last = examination.findings[-1]
    assert (last.section, last.state) == ("prediction", "broken")
    assert last.said == "not tried, because of pkgnone"
    assert {"machine", "folders"} <= {finding.section for finding in examination.findings}


def test_probabilities_that_are_none_are_no_prediction(few_packages, monkeypatch):
    def create(*words, **options):
        model = create_model(*words, **options)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(math.nan)
        return model

    create_model = prediction.create_model
    monkeypatch.setattr(prediction, "create_model", create)
    examination = examine()
    assert not examination.healthy
    assert examination.findings[-1].said == ("RuntimeError: class probabilities do not sum to 1.")


def test_an_error_of_an_examination_is_a_finding():
    def look():
        raise OSError("the disk\nis gone")

    (finding,) = looked_at("machine", "folders", look)
    assert (finding.state, finding.said) == ("note", "OSError: the disk is gone")


def test_little_memory_is_worth_a_note(monkeypatch):
    monkeypatch.setattr(machine, "usable_memory", lambda: 2**29)
    monkeypatch.setattr(machine, "shared_memory", lambda: 64 * 2**20)
    found = {finding.name: finding for finding in machine.machine()}
    assert (found["memory"].state, found["memory"].said) == ("note", "512 MiB left to use")
    assert "--shm-size" in found["shared memory"].advice
    monkeypatch.setattr(machine, "usable_memory", lambda: None)
    monkeypatch.setattr(machine, "shared_memory", lambda: None)
    found = {finding.name: finding for finding in machine.machine()}
    assert (found["memory"].state, found["memory"].said) == ("fine", "unknown")
    assert found["shared memory"].state == "fine"


def test_a_folder_inside_a_closed_one_is_named(tmp_path, monkeypatch):
    cache, exists = tmp_path / "closed" / "cache", Path.exists

    def as_others_see_it(path: Path, **options: bool) -> bool:
        if path == cache:
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path, **options)

    monkeypatch.setenv("CONTEXTSEG_CACHE", str(cache))
    monkeypatch.setattr(Path, "exists", as_others_see_it)
    found = {finding.name: finding for finding in machine.folders()}
    assert found["temporary"].state == "fine"
    assert found["cache"].state == "note"
    assert "Permission denied" in found["cache"].said
    assert "CONTEXTSEG_CACHE" in found["cache"].advice


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CONTEXTSEG_CACHE", str(tmp_path / "file" / "cache"))
    found = {finding.name: finding for finding in machine.folders()}
    assert found["temporary"].state == "fine"
    assert found["cache"].state == "note"
    assert f"{tmp_path / 'file' / 'cache'} cannot be written to" in found["cache"].said
    monkeypatch.setenv("CONTEXTSEG_CACHE", str(tmp_path / "later" / "cache"))
    assert {finding.state for finding in machine.folders()} == {"fine"}
    assert not (tmp_path / "later").exists()


def test_an_output_in_ascii_and_no_fonts(monkeypatch):
    monkeypatch.setattr(
        letters.sys, "stdout", SimpleNamespace(isatty=lambda: False, encoding="ascii")
    )
    monkeypatch.setattr(fonts, "_font_with", lambda letters: None)
    found = {finding.name: finding for finding in letters.letters()}
    assert found["output"].said == "no terminal, encoding ascii"
    assert "PYTHONUTF8=1" in found["output"].advice
    assert found["fonts"].state == "missing"
    assert found["fonts"].said.endswith("not in Greek, Cyrillic, Chinese, Arabic")


def test_a_program_without_streams(monkeypatch):
    monkeypatch.setattr(letters.sys, "stdout", None)
    found = {finding.name: finding for finding in letters.letters()}
    assert found["output"].said == "no terminal, encoding none"


@pytest.mark.parametrize(
    ("cuda", "said", "advice"),
    [
        (None, "a driver is here, but PyTorch (CPU) finds no GPU", "for processors alone"),
        ("13.0", "a driver is here, but PyTorch (CUDA 13.0) finds no GPU", "nvidia-smi"),
    ],
)
def test_why_there_is_no_gpu(monkeypatch, cuda, said, advice):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(pytorch.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    (finding,) = pytorch.gpus()
    assert (finding.state, finding.said) == ("note", said)
    assert advice in finding.advice
    monkeypatch.setattr(pytorch.shutil, "which", lambda name: None)
    (finding,) = pytorch.gpus()
    assert (finding.state, finding.said) == ("fine", "none")


@pytest.mark.parametrize("reason", ["", "Triton does not work here"])
def test_gpus_are_described(monkeypatch, reason):
    about = SimpleNamespace(name="Some GPU", total_memory=80 * 2**30, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(pytorch, "bfloat16_on", lambda device: Verdict(True, "it computes"))
    monkeypatch.setattr(pytorch, "why_not_compiled", lambda device: reason)
    first, second, triton = pytorch.gpus()
    assert (first.name, second.name) == ("GPU 0", "GPU 1")
    assert first.said == "Some GPU, 80 GiB, CUDA 13.0, capability 9.0, with bfloat16"
    assert triton.state == ("note" if reason else "fine")
    assert triton.said == (reason or "works: own kernels run on the GPU")


def test_a_missing_compiler_is_optional(monkeypatch):
    monkeypatch.setattr(pytorch, "why_not_compiled", lambda device: "there is no C++ compiler here")
    (finding,) = pytorch.compilation()
    assert finding.state == "missing"
    assert finding.said == "there is no C++ compiler here; trainings run uncompiled"


def test_a_model_that_is_not_here(monkeypatch):
    from contextseg.doctor import models

    monkeypatch.setattr(models, "shipped_model", lambda name: None)
    assert {(finding.state, finding.said) for finding in models.models()} == {
        ("missing", "not here: it comes with the repository")
    }


def test_the_folder_of_data_sets_is_looked_at(tmp_path, monkeypatch):
    from contextseg.doctor import models

    monkeypatch.delenv(models.DATA, raising=False)
    assert not list(models.data())
    monkeypatch.setenv(models.DATA, str(tmp_path))
    (tmp_path / "camvid").mkdir()
    (finding,) = models.data()
    assert (finding.state, finding.said) == ("fine", f"{tmp_path}: camvid")
    monkeypatch.setenv(models.DATA, str(tmp_path / "gone"))
    (finding,) = models.data()
    assert finding.state == "note"
