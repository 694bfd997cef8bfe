"""What the state of a rule may refuse."""

from app.errors import Conflict


class RuleNameTaken(Conflict):
    """The clinic has a rule of this name."""


class NothingToPublish(Conflict):
    """The rule has no draft."""
