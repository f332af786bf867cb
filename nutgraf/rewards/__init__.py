"""Rewards: callables on texts, from metrics, length, repetition; and their sum."""
