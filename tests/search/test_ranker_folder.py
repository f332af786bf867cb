import json

import numpy as np
import pytest

from nutgraf.errors import ModelError
from nutgraf.search.ranker_folder import read_kind, save_ranker
from nutgraf.search.rescorer import RESCORER, Rescorer


def test_kind_settings_and_what_is_beside_it(tmp_path):
    rescorer = Rescorer(4, "hash", 2)
    values = [np.ones(one.shape, "float32") for one in rescorer.variables]
    save_ranker(
        tmp_path / "r",
        RESCORER,
        {"width": 4},
        rescorer.variables,
        values,
        lambda part: (part / "more.txt").write_text("a"),
    )
    assert read_kind(tmp_path / "r") == (RESCORER, {"width": 4})
    assert (tmp_path / "r" / "more.txt").read_text() == "a"
    mode = (tmp_path / "r" / "model.safetensors").stat().st_mode
    assert mode & 0o777 == 0o644


def test_other_folders(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert read_kind(tmp_path) == ("", {})
    for content in ("nothing", "[]", '{"kind": "search-rescorer"}'):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ModelError, match="that `nutgraf train-search` wrote"):
            read_kind(tmp_path)
    with pytest.raises(ModelError, match="Received: .*absent"):
        read_kind(tmp_path / "absent")
