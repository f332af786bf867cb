"""Fixtures shared by the tests: a tiny model, a tiny vocabulary, made-up rows."""

from __future__ import annotations

import os
import signal
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from nutgraf import backend
from nutgraf.layers import packing
from nutgraf.testing.toys import toy_policy, toy_rows, toy_tokenizer

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
COMPILE = backend._engine.compile

WITH_XLA = {"backend", "layers", "test_ranking_rl.py", "training/test_supervised.py"}
"""Folders and files whose tests compile with XLA on TensorFlow, as users run them, and
so does a test marked `xla`. Others compile the same functions to a plain graph: in a
third of the time, and TensorFlow never frees what XLA has compiled."""
EAGER = {"models", "test_a2c.py", "test_algorithms.py", "test_beam.py"}
EAGER |= {"test_continuations.py", "test_epochs.py", "test_invariants.py"}
EAGER |= {"test_language.py", "test_learner.py", "test_sample.py", "test_step.py"}
EAGER |= {"test_policies.py", "test_supervised_kinds.py", "test_trainer.py"}
EAGER |= {"test_trainer_options.py"}
"""Those whose tests take so few steps that compiling takes longer than they do."""
PACKED = {"layers", "models", "sampling", "test_experience.py", "test_learner.py"}
"""Folders and files that pack texts into lists of every size. Elsewhere two sizes do:
each is compiled anew."""


def _among(request, names):
    folder, file = request.path.parts[-2:]
    return bool(names & {folder, file, f"{folder}/{file}"})


@pytest.fixture(scope="module", autouse=True)
def compiled(request):
    """Compile as `WITH_XLA` and `EAGER` say."""
    with pytest.MonkeyPatch.context() as patch:
        if not _among(request, PACKED):
            patch.setattr(packing, "SHARES", (0.5,))
        if backend.name == "tensorflow" and not _among(request, WITH_XLA):
            import tensorflow as tf

            def graph(function):
                eager = _among(request, EAGER)
                return function if eager else tf.function(function, autograph=False)

            patch.setattr(backend._engine, "compile", graph)
        yield


@pytest.fixture(autouse=True)
def compiled_with_xla(request, monkeypatch):
    """Compile with XLA in a test marked `xla`."""
    if request.node.get_closest_marker("xla"):
        monkeypatch.setattr(backend._engine, "compile", COMPILE)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data sets that lies beside some checkouts."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder ../shared/data is absent")
    return SHARED_DATA


@pytest.fixture(scope="session")
def rows():
    return toy_rows()


@pytest.fixture(scope="session")
def tokenizer():
    return toy_tokenizer()


@pytest.fixture
def policy(tokenizer):
    return toy_policy(tokenizer)


@pytest.fixture
def ctrl_c():
    """A function that presses Ctrl-C, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
