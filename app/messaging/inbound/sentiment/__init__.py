"""Sentiment of messages from leads: a label, and the words that decided it."""
