"""The names that can be imported from `nutgraf` itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nutgraf


@pytest.mark.parametrize("name", nutgraf.__all__)
def test_every_public_name_is_there(name):
    assert getattr(nutgraf, name) is not None
    assert name in dir(nutgraf)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Grpo'"):
        nutgraf.Grpo  # noqa: B018


def test_nothing_is_imported_at_the_top():
    body = ast.parse(Path(nutgraf.__file__).read_text("utf-8")).body
    kinds = ast.Import | ast.ImportFrom
    imports = [ast.unparse(node) for node in body if isinstance(node, kinds)]
    assert imports == ["from typing import Any"]
