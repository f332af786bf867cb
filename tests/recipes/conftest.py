"""What the tests of recipes share: compiling that does not take most of their time."""

import pytest

from nutgraf import backend


@pytest.fixture(scope="module")
def without_xla():
    """Compile without XLA: the same functions, in a third of the time and memory.

    The tests of the sampler, the trainer and the demo run with XLA, as users do.
    """
    if backend.name != "tensorflow":
        yield
        return
    import tensorflow as tf

    engine = backend._engine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "compile", lambda f: tf.function(f, autograph=False))
        yield
