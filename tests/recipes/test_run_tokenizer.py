import pytest

from nutgraf.recipes.run_tokenizer import run_tokenizer
from nutgraf.text.bert_tokenizer import BertTokenizer
from nutgraf.text.tokenizer import Tokenizer


@pytest.mark.parametrize("kind", [Tokenizer, BertTokenizer])
def test_it_is_learned_until_a_checkpoint_relies_on_it(kind, tmp_path):
    folder, texts = tmp_path / "run", ["one two one two", "three four three four"]

    def tokenizer(number):
        learn = kind.train
        return run_tokenizer(folder, kind, lambda: learn([texts[number]], 300))

    first, second = tokenizer(0).fingerprint, tokenizer(1).fingerprint
    assert first != second
    assert kind.load(folder).fingerprint == second
    checkpoint = folder / "checkpoints" / "step-3"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state.json").write_text("{}")
    assert tokenizer(0).fingerprint == second
