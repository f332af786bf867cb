"""Scores of texts against texts, with signature, interval and paired test."""
