"""The compiled supervised step, optimiser, and run state that resumes bit for bit."""
