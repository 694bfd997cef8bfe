"""Outcomes of steps: decided, written with their effects, and counted."""
