"""Pure functions of arrays: losses, advantages, KL estimates and reductions."""
