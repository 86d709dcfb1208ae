"""Whether torch.compile can work on this machine."""

from __future__ import annotations

import logging
import os
import shutil

from contextseg.system.resources import usable_cores

logger = logging.getLogger(__name__)


def can_compile(device: str) -> bool:
    """Whether torch.compile can work here; if not, log why.

    Args:
        device: `cpu` or `cuda`.
    """
    reason = why_not_compiled(device)
    if reason:
        logger.warning("compile: %s; continuing without compilation", reason)
    return not reason


def why_not_compiled(device: str) -> str:
    """Why torch.compile cannot work on this machine; empty if it can.

    Compilation is also limited to as many processes as this one may use cores: PyTorch would count
    all cores that a container shows.

    Args:
        device: `cpu` or `cuda`.
    """
    import torch._inductor.config as inductor
    from torch.utils._triton import has_triton

    inductor.compile_threads = min(inductor.compile_threads or 1, usable_cores())
    if device == "cpu":
        return _why_no_cpp()
    if not has_triton():
        return "Triton does not work here"
    names = [os.environ.get("CC", ""), "gcc", "clang", "cc"]
    found = any(shutil.which(name) for name in names if name)
    return "" if found else "there is no C compiler here (install gcc, or name one in CC)"


def _why_no_cpp() -> str:
    try:
        from torch._inductor.cpp_builder import get_cpp_compiler
        from torch._inductor.exc import InvalidCxxCompiler
    except ImportError:  # moved in a later PyTorch, which will report what is missing itself
        return ""
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return "there is no C++ compiler here (install g++, or name one in CXX)"
    return ""
