"""What is written: summaries, translations, answers; one file each."""
