"""Settings for every test and doctest: quiet, deterministic, one backend."""

from __future__ import annotations

import gc
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

# Tests run what they compile a few times: XLA need not look for the fastest code.
_QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("XLA_FLAGS", _QUICK)

# On JAX most of the time goes into compiling the same toy models again and again.
_JAX_CACHE = Path(__file__).parent / ".cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_JAX_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# PyTorch's threads wait for each other at every small operation: beside other work, one
# thread for each process is many times as fast.
if os.environ["KERAS_BACKEND"] == "torch":
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Traced graphs are many small objects: looking through all of them takes a while.
gc.set_threshold(100_000, 50, 100)

# On a GPU, float32 stays float32: TF32 has ten bits.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")

_BACKENDS = Path(__file__).parent / "nutgraf" / "backend"

# Doctests import every module; these import a framework that is not installed here.
collect_ignore = [
    str(_BACKENDS / f"{name}.py")
    for name in ("tensorflow", "jax", "torch")
    if name != os.environ["KERAS_BACKEND"]
]
# Programs that make frozen numbers with packages which are not installed here.
collect_ignore_glob = ["tests/oracles/*"]
