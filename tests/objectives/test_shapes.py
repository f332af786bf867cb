import numpy as np
import pytest

from nutgraf.objectives.shapes import check_per_sequence, check_same_shape


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3), (5, 2, 4, 3)])
def test_any_leading_axes_are_allowed(shape):
    check_same_shape(values=np.ones(shape), mask=np.ones(shape))


@pytest.mark.parametrize("other", [(2, 4), (1, 3), (3,), (1, 2, 3), ()])
def test_no_shape_is_broadcast(other):
    with pytest.raises(ValueError, match=r"mask must have the shape .*Received"):
        check_same_shape(values=np.ones((2, 3)), mask=np.ones(other))


def test_leading_axes_must_agree():
    with pytest.raises(ValueError, match="mask must have the shape"):
        check_same_shape(values=np.ones((5, 2, 4, 3)), mask=np.ones((6, 2, 4, 3)))


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3), (5, 2, 4, 3)])
def test_one_number_per_sequence(shape):
    check_per_sequence(np.ones(shape), last_values=np.ones(shape[:-1]))
    for other in (shape, (*shape[:-1], 1), (7, *shape[1:-1])):
        if other != shape[:-1]:
            with pytest.raises(ValueError, match=r"last_values must have .*Received"):
                check_per_sequence(np.ones(shape), last_values=np.ones(other))
