"""What can stand in the way of a nurture."""

from app.errors import Conflict


class NurtureNameTaken(Conflict):
    """The clinic has a nurture of this name."""


class TooManyNurtures(Conflict):
    """The clinic has as many nurtures as it may have."""


class RunUnderWay(Conflict):
    """A run of this nurture is under way: wait until it is done."""
