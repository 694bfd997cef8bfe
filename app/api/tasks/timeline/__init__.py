"""API of scores and next actions."""
