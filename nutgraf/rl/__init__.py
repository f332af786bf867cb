"""Rollout, reward, advantage, update; diagnostics of each."""
