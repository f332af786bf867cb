"""Rows from files, installed packages and CNN/DailyMail; splits; batches by length."""
