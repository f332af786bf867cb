"""One worker per side of a duel; `python -m peers.NAME SETTINGS` answers requests."""
