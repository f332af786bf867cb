import json

import pytest

from nutgraf.errors import ModelError
from nutgraf.search.cross_encoder import CrossEncoder
from nutgraf.search.dense import BiEncoder
from nutgraf.search.rankers import load_ranker
from nutgraf.search.rescorer import Rescorer
from tests.search.test_dense import values_of
from tests.search.toy_search import toy_bert, toy_bi_encoder


def test_each_kind_is_told_by_its_folder(tmp_path):
    cross = CrossEncoder(*toy_bert(), max_length=16)
    for name, ranker in (
        ("r", Rescorer(4, "hash")),
        ("c", cross),
        ("b", toy_bi_encoder()),
    ):
        ranker.save(tmp_path / name, values_of(ranker))
        assert type(load_ranker(tmp_path / name)) is type(ranker)
    assert load_ranker(tmp_path / "c").max_length == 16
    found = load_ranker(tmp_path / "b", 0.2, 8)
    assert isinstance(found, BiEncoder)
    assert (found.temperature, found.max_length, found.window) == (0.2, 8, 32)


def test_broken_folders_are_told(tmp_path):
    ranker = Rescorer(4, "hash")
    ranker.save(tmp_path / "r", values_of(ranker))
    config, weights = (
        tmp_path / "r" / "config.json",
        tmp_path / "r" / "model.safetensors",
    )
    whole = json.loads(config.read_text())
    for changes, message in (
        ({"settings": {"width": 4}}, "must hold the settings of a ranker"),
        (
            {"settings": {"width": 4, "embedder": "hash", "rank": 3}},
            "must hold `query` with shape",
        ),
        ({"kind": "search-later"}, "a rescorer, a cross-encoder or a BERT"),
        ({"kind": "search-cross-encoder"}, "must hold the settings of a ranker"),
        ({"kind": "encoder-decoder"}, "A BERT must have model_type"),
    ):
        config.write_text(json.dumps({**whole, **changes}))
        with pytest.raises(ModelError, match=message):
            load_ranker(tmp_path / "r")
    config.write_text(json.dumps(whole))
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(ModelError, match="must be a whole safetensors file"):
        load_ranker(tmp_path / "r")
    with pytest.raises(ModelError, match="Received: .*absent"):
        load_ranker(tmp_path / "absent")
