"""Errors of nurtures."""

from app.errors import Conflict


class NurtureNameTaken(Conflict):
    """The clinic already has a nurture with this name."""


class TooManyNurtures(Conflict):
    """The clinic has the maximum number of nurtures."""


class RunUnderWay(Conflict):
    """A run of this nurture is in progress: wait until it is done."""
