"""Keras models, the `Policy` protocol over them, and model folders on disk."""
