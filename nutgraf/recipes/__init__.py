"""One readable file per algorithm, with its settings."""
