"""The exceptions that nutgraf raises for mistakes a user can mend.

Every message has one form: what is allowed, what was received, what to do.
The command line prints such a message without a traceback and exits with code 2.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DataError",
    "DependencyError",
    "ModelError",
    "NutgrafError",
    "RunError",
]


class NutgrafError(Exception):
    """Base of all errors that are shown to users without a traceback."""


class ConfigError(NutgrafError, ValueError):
    """A setting or argument is unknown, of the wrong type or out of range."""


class DataError(NutgrafError, ValueError):
    """A data file is missing, unreadable or holds rows that cannot be used."""


class ModelError(NutgrafError, ValueError):
    """A model folder is missing, incomplete, corrupt or of another kind."""


class RunError(NutgrafError, RuntimeError):
    """A run folder or a running training is in a state that forbids going on."""


class DependencyError(NutgrafError, ImportError):
    """A package that only this feature needs is not installed."""

    def __init__(self, feature: str, package: str, install: str) -> None:
        """Name the feature, the missing package and the exact install line."""
        super().__init__(
            f"{feature} needs the package `{package}`. Received: it is not "
            f"installed. Run: {install}"
        )
