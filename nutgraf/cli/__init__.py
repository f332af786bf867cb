"""The command line: one thin file per command over an importable function."""
