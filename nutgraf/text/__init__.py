"""Text in and out of a model: sentences, normalising, tokenizers."""
