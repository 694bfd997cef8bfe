"""What the state of a clinic's people may refuse."""

from app.errors import Conflict


class NotYourself(Conflict):
    """Somebody else has to do this to you."""


class NobodyElse(Conflict):
    """Nobody would be left who may manage users."""


class StillInUse(Conflict):
    """There are people who have it: give them another first."""


class NameTaken(Conflict):
    """The clinic has one of this name."""
