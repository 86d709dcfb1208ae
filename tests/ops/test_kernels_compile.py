"""Every Triton kernel compiles for the GPUs it is made for and fits their shared memory.

A module `contextseg.ops.<op>.fused` offers a function `ahead_of_time()` without arguments, which
returns a list of `(kernel, signature, constexprs)`, one entry for each dtype and size that matters:

- `kernel`: the function decorated with `triton.jit`;
- `signature`: the Triton type of every argument by name, in order, as `triton.compiler.ASTSource`
  takes it: `"*fp16"`, `"*bf16"`, `"*fp32"`, `"i32"`, `"fp32"`, and `"constexpr"` for constants;
- `constexprs`: the value of each constant by name, and of each argument that is always 1 or None;
  `num_warps` and `num_stages`, if the launch sets them, stand beside the constants.

Compiling needs no GPU, but real Triton: it runs in a process of its own, without the interpreter,
one for all kernels, as importing PyTorch takes longer than most of them.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import contextseg.ops

OPS = Path(contextseg.ops.__file__).parent
FUSED = sorted(path.parent.name for path in OPS.glob("*/fused.py"))
SHARED_MEMORY = 101376  # bytes a block may have at compute capability 8.6, the least from 8.0 on

CODE = """
import importlib, sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

capability, *ops = sys.argv[1:]
target = GPUTarget("cuda", int(capability), 32)
for op in ops:
    fused = importlib.import_module(f"contextseg.ops.{op}.fused")
    for kernel, signature, constexprs in fused.ahead_of_time():
        constants = dict(constexprs)
        options = {k: constants.pop(k) for k in ("num_warps", "num_stages") if k in constants}
        source = ASTSource(kernel, signature, constexprs=constants)
        try:
            compiled = triton.compile(source, target=target, options=options)
        except Exception as error:
            raise RuntimeError(f"{op}: {kernel.__name__} with {constexprs}") from error
        print(op, kernel.__name__, compiled.metadata.shared)
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs Triton")
@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_and_fit_shared_memory(capability, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(capability), *FUSED],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    kernels = [line.split() for line in run.stdout.splitlines()]
    assert {op for op, _, _ in kernels} == set(FUSED), "ahead_of_time() lists no kernel"
    large = [line for line in kernels if int(line[2]) > SHARED_MEMORY]
    assert not large, f"take more than {SHARED_MEMORY} bytes of shared memory: {large}"
