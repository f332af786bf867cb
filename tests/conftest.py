"""Fixtures shared by the tests: a tiny model, a tiny vocabulary, made-up rows."""

from __future__ import annotations

import os
import signal
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from nutgraf import backend
from nutgraf.testing.toys import toy_policy, toy_rows, toy_tokenizer

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


GRAPHS = {"cli", "envs", "evaluation", "recipes", "report", "rl", "search", "testing"}
WITH_XLA = {"test_learner.py", "test_trainer.py", "test_ranking_rl.py"}
"""Folders whose tests compile without XLA on TensorFlow, but for these files: the same
functions, in a third of the time, and TensorFlow never frees what XLA has compiled.
Models, sampler, learner, trainer and supervised training are tested with XLA, as users
run them."""
EAGER = {"test_algorithms.py", "test_invariants.py", "test_supervised_kinds.py"}
"""Files whose tests take so few steps that compiling takes longer than they do."""


@pytest.fixture(scope="module", autouse=True)
def without_xla(request):
    """Compile to a plain graph in the folders of `GRAPHS`, in `EAGER` not at all."""
    file = request.path
    graph = file.parent.name in GRAPHS and file.name not in WITH_XLA
    if backend.name != "tensorflow" or not (graph or file.name in EAGER):
        yield
        return
    import tensorflow as tf

    def compiled(function):
        return (
            function if file.name in EAGER else tf.function(function, autograph=False)
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend._engine, "compile", compiled)
        yield


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
