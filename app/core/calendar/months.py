"""Months of the calendar. Pure."""

from calendar import monthrange
from datetime import date


def months_later(day: date, months: int) -> date:
    """The same day so many months later (earlier when negative), or the month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day_of(date(year, month + 1, 1), day.day)


def day_of(month: date, day: int) -> date:
    """That day of the month of a date, or its last where it has no such day."""
    return month.replace(day=min(day, monthrange(month.year, month.month)[1]))
