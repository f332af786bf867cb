"""Keras layers in the native Transformer layout."""
