"""Run the sweeps that count leads and tasks for reports."""

from workers.sweeps import run


def roll_up() -> None:
    """Count the leads of all days that are over."""
    while run.sweep("roll_up_leads"):
        pass


def roll_up_tasks() -> None:
    """Count the tasks of all days that are over."""
    while run.sweep("roll_up_tasks"):
        pass
