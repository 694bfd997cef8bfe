"""Run the sweep that counts leads for reports."""

from workers.sweeps import run


def roll_up() -> None:
    """Count all days that are over."""
    while run.sweep("roll_up_leads"):
        pass
