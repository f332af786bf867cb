"""Search: an index on disk, three ways to ask it, models that rank, their training."""
