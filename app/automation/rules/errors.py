"""What the state of a rule may refuse."""

from app.errors import Conflict


class RuleNameTaken(Conflict):
    """The clinic has a rule of this name."""


class RuleIsOff(Conflict):
    """The rule is not in force: publish it, or switch it on, first."""


class CannotBackfill(Conflict):
    """The rule listens to what cannot be told from leads as they are."""


class NothingToPublish(Conflict):
    """The rule has no draft."""
