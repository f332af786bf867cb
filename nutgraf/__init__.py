"""nutgraf: text models in Keras 3, improved with reinforcement learning."""

__version__ = "0.1.0"
