"""One compiled loop that draws, or searches for, texts and returns log-probs."""
