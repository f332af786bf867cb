"""Checks that users run on their own models, policies and rewards; toy tasks."""
