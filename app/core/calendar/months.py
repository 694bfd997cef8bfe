"""Month arithmetic. Pure."""

from calendar import monthrange
from datetime import date


def add_months(day: date, months: int) -> date:
    """Return the same day `months` later (earlier if negative), or the last day of a month without that day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day_in_month(date(year, month + 1, 1), day.day)


def day_in_month(month: date, day: int) -> date:
    """Return this day of the month of a date, or the month's last day if it is shorter."""
    return month.replace(day=min(day, monthrange(month.year, month.month)[1]))
