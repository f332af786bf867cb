import subprocess
import sys

import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.span_settings import WindowSettings


@pytest.mark.parametrize("wrong", [{"length": 7}, {"overlap": -1}, {"answer": 0}])
def test_what_is_out_of_range_is_refused(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=rf"^{name} must .*: {name}={value}\. \S"):
        WindowSettings(**wrong)


def test_windows_fit_the_positions_of_the_model():
    assert WindowSettings(64).fitted(64) == WindowSettings(64)
    with pytest.raises(ConfigError, match="at most 63.*length=64. Lower it"):
        WindowSettings(64).fitted(63)


def test_no_framework_is_loaded():
    code = "import sys, nutgraf.models.span_settings; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
