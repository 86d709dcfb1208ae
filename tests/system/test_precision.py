"""bfloat16 where it is faster: what processors claim, what the stopwatch says, what is told."""

from __future__ import annotations

import logging
import math
import os
import platform
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from contextseg.system import bfloat16
from contextseg.system.precision import resolve_precision
from tests.pretended import FASTER, SLOWER, WITH, WITHOUT, forget

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "half", "expected", "reason"),
    [
        (WITH, FASTER, "bf16", "takes 0.60 times as long as in float32"),
        (WITH, SLOWER, "32", "takes 33 times as long as in float32"),
        (WITH, 2.7e-3, "32", "takes 2.7 times as long as in float32"),
        ({"neon": True, "bf16": True}, FASTER, "bf16", "takes 0.60 times"),
        ({"neon": True, "bf16": False}, FASTER, "32", "Some CPU has no bfloat16 instructions"),
        (WITHOUT, FASTER, "32", "Some CPU has no bfloat16 instructions"),
        ({}, FASTER, "bf16", "takes 0.60 times"),
        ({}, SLOWER, "32", "takes 33 times"),
    ],
    ids=["native", "lying", "emulated", "ARM", "old ARM", "AVX2", "unknown", "unknown, slow"],
)
def test_auto(pretended_cpu, caplog, capabilities, half, expected, reason):
    pretended_cpu(capabilities, half)
    with caplog.at_level(logging.INFO, "contextseg.system.precision"):
        resolved = resolve_precision("auto", "cpu")
    assert resolved.precision == expected
    assert reason in resolved.reason
    assert caplog.messages == [f"Precision {expected}: {resolved.reason}."]
    assert (pretended_cpu.timed == []) is ("has no bfloat16 instructions" in reason)


def test_a_process_finds_out_once(pretended_cpu):
    pretended_cpu(WITH)
    first = resolve_precision("auto", "cpu")
    timed = len(pretended_cpu.timed)
    assert resolve_precision("auto", torch.device("cpu")) == first
    assert len(pretended_cpu.timed) == timed > 0


@pytest.mark.parametrize(
    ("half", "seconds", "rounds"),
    [
        (FASTER, 0.02, 13),  # of 1.6 ms
        (SLOWER, 0.02, 3),  # the fewest
        (0.2, 0.02, 3),  # half a second is over in the third
        (60.0, 0.02, 1),  # in the first
        (SLOWER, 0.1, 3),
        (0.0, 0.3, 200),  # the most: a clock that stands still
    ],
)
def test_measuring_ends(pretended_cpu, half, seconds, rounds):
    pretended_cpu(WITH, half)
    assert bfloat16.measured_ratio(CPU, seconds) == pytest.approx(half / 1e-3)
    assert pretended_cpu.timed == [torch.float32, torch.bfloat16] * rounds


def test_bf16_by_name_is_warned_of_where_it_is_slow(pretended_cpu, caplog):
    pretended_cpu(WITHOUT, SLOWER)
    assert resolve_precision("bf16", "cpu") == ("bf16", "set explicitly")
    assert resolve_precision("bf16", "cpu").precision == "bf16"
    (record,) = caplog.records  # once a process
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "precision bf16 is slow here: a convolution in bfloat16 takes 33 times as long as in "
        "float32 (measured). It is used, as requested; precision auto or 32 is faster."
    )
    assert len(pretended_cpu.timed) >= 6


@pytest.mark.parametrize(("capabilities", "half"), [(WITH, FASTER), (WITHOUT, FASTER)])
def test_bf16_by_name_is_not_warned_of_where_it_is_fast(pretended_cpu, caplog, capabilities, half):
    pretended_cpu(capabilities, half)
    assert resolve_precision("bf16", "cpu").precision == "bf16"
    assert caplog.records == []


def test_32_by_name_measures_nothing(pretended_cpu, caplog):
    pretended_cpu(WITH)
    assert resolve_precision("32", "cpu").precision == "32"
    assert pretended_cpu.timed == caplog.records == []


def test_a_build_without_the_kernel(pretended_cpu, monkeypatch, caplog):
    pretended_cpu(WITH)

    def missing(call: torch.dtype, device: torch.device) -> float:
        if call is torch.bfloat16:
            raise RuntimeError("not implemented for 'BFloat16'")
        return 1e-3

    monkeypatch.setattr(bfloat16, "timed", missing)
    assert bfloat16.measured_ratio(CPU, 0.02) == math.inf
    assert resolve_precision("auto", "cpu").precision == "32"
    assert resolve_precision("bf16", "cpu").precision == "bf16"
    assert "PyTorch cannot convolve in bfloat16 (measured)" in caplog.text


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "32")])
def test_gpus_are_asked(monkeypatch, native, expected):
    forget()
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    resolved = resolve_precision("auto", "cuda")
    forget()
    assert resolved.precision == expected
    assert resolved.reason.startswith("Some GPU")


def test_other_devices_stay_in_float32():
    assert resolve_precision("auto", "meta").precision == "32"
    with pytest.raises(ValueError, match="precision must be auto, 32 or bf16, got 'fp8'"):
        resolve_precision("fp8", "cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_convolution_is_real_and_leaves_no_trace(dtype, monkeypatch):
    seen = []
    real = torch.conv2d

    def conv2d(features: torch.Tensor, weight: torch.Tensor, **options: int) -> torch.Tensor:
        out = real(features, weight, **options)
        seen.append((out.dtype, torch.get_num_threads()))
        return out

    monkeypatch.setattr(torch, "conv2d", conv2d)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        assert bfloat16.timed(bfloat16.convolution(CPU, dtype), CPU) > 0
    assert seen == [(dtype, threads)]
    torch.set_num_threads(2)
    try:
        assert bfloat16.measured_ratio(CPU, 0.0) > 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert {count for _, count in seen[1:]} == {1}
    assert torch.equal(torch.get_rng_state(), state)


def test_an_older_pytorch_does_not_know_the_instructions(monkeypatch):
    monkeypatch.setattr(torch, "cpu", SimpleNamespace())
    assert bfloat16.cpu_capabilities() == {}


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="the limit is for x86 processors"
)
@pytest.mark.slow
def test_a_limit_on_instructions_is_noticed():
    """oneDNN keeps to it; the flags of the processor know nothing of it."""
    code = (
        "from contextseg.system.precision import resolve_precision as r; print(r('auto', 'cpu')[0])"
    )
    limits = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | limits, capture_output=True, text=True
    )
    assert found.stdout.strip() == "32", found.stderr
