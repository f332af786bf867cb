"""A toy collection, and models for it that need no weights from elsewhere."""

import hashlib

import numpy as np

from nutgraf.search.index_folder import build_index, open_index
from nutgraf.search.searcher import Searcher
from nutgraf.search.words import search_words
from nutgraf.tasks.search import Document, Query

TOPICS = {
    "wing": "wing lift slipstream aircraft airfoil",
    "heat": "heat shield temperature ablation plate",
    "shock": "shock wave mach hypersonic nozzle",
    "shell": "shell buckling cylinder pressure creep",
}


class HashEmbedder:
    """The mean of a fixed random vector for each word."""

    name = "hash"
    window = 6

    def __init__(self, width=16):
        self.width = width
        self.calls = 0

    def tokens(self, text):
        return len(search_words(text))

    def vector(self, word):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=self.width)

    def __call__(self, texts):
        self.calls += 1
        rows = []
        for text in texts:
            words = search_words(text) or ["nothing"]
            mean = np.mean([self.vector(word) for word in words], axis=0)
            rows.append(mean / np.linalg.norm(mean))
        return np.float32(rows)


def toy_documents(each=6):
    """Documents of four topics; of each topic the even ones hold the word `theory`."""
    found = []
    for topic, words in TOPICS.items():
        names = words.split()
        for number in range(each):
            text = f"{names[number % 5]} and {names[(number + 1) % 5]} number {number}"
            kind = "theory" if number % 2 == 0 else "experiment"
            found.append(Document(f"{topic}-{number}", f"{text} {kind}", topic))
    return found


def toy_queries(each=3):
    """Queries and judgements: the theory of a topic is relevant."""
    queries, judged = [], {}
    for topic, words in TOPICS.items():
        for number in range(each):
            name = f"{topic}?{number}"
            queries.append(Query(name, f"{words.split()[number]} {topic}"))
            judged[name] = {
                document.id: 1.0
                for document in toy_documents()
                if document.title == topic and "theory" in document.text
            }
    return queries, judged


def toy_searcher(folder, dense=True):
    embedder = HashEmbedder() if dense else None
    build_index(folder, toy_documents(), embedder)
    return Searcher(open_index(folder), embedder)


def toy_bert():
    """A tiny BERT and its tokenizer."""
    import keras

    from nutgraf.models.bert import Bert
    from nutgraf.models.bert_config import BertConfig
    from nutgraf.text.bert_tokenizer import BertTokenizer

    keras.utils.set_random_seed(0)
    texts = [document.content for document in toy_documents()]
    tokenizer = BertTokenizer.train([*texts, *texts], 200)
    config = BertConfig(
        tokenizer.vocabulary_size,
        width=16,
        heads=2,
        feed_forward=32,
        layers=1,
        max_length=32,
        dropout=0.0,
    )
    return Bert(config), tokenizer


def toy_bi_encoder(**settings):
    from nutgraf.models.embedding import SentenceEmbedder
    from nutgraf.search.dense import BiEncoder

    return BiEncoder(SentenceEmbedder(*toy_bert()), **settings)
