"""Held-out scores of systems and baselines, with intervals and paired tests."""
