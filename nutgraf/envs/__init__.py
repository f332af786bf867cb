"""Text generation as a Gymnasium environment, and its vector version."""
