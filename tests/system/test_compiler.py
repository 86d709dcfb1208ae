"""torch.compile on machines without a compiler."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from contextseg import create_model
from contextseg.data import open_dataset
from contextseg.inference.predictor import Predictor
from contextseg.interop.backends import candidate
from contextseg.system import compiler
from contextseg.system.compiler import can_compile, why_not_compiled

MISSING = "there is no C++ compiler here (install g++, or name one in CXX)"


@pytest.fixture
def no_compiler():
    import torch._inductor.config as inductor
    from torch._inductor import cpp_builder

    cpp_builder.cpp_compiler_search.cache_clear()
    with inductor.patch({"cpp.cxx": ("no-such-compiler",)}):
        yield
    cpp_builder.cpp_compiler_search.cache_clear()


def test_without_a_compiler_the_reason_is_one_line(no_compiler, caplog):
    assert why_not_compiled("cpu") == MISSING
    assert not can_compile("cpu")
    assert caplog.messages == [f"compile: {MISSING}; continuing without compilation"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_with_a_compiler_there_is_nothing_to_say(caplog, monkeypatch):
    import torch._inductor.config as inductor

    monkeypatch.setattr(compiler, "usable_cores", lambda: 2)
    with inductor.patch({"compile_threads": 64}):
        assert can_compile("cpu")
        assert inductor.compile_threads == 2  # the cores there are, not those a container shows
    assert caplog.messages == []


def test_the_benchmark_leaves_the_engine_out_with_the_reason(no_compiler):
    classes = open_dataset("shapes", "val").classes
    model = create_model("fcn", backbone="test_resnet", num_classes=classes.num_classes)
    predictor = Predictor(model, classes, device="cpu")
    with pytest.raises(ValueError, match=re.escape(f"torch.compile cannot work: {MISSING}.")):
        candidate("compiled", predictor, Path())
