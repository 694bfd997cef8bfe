"""Errors of rules."""

from app.errors import Conflict


class RuleNameTaken(Conflict):
    """The clinic already has a rule with this name."""


class RuleIsOff(Conflict):
    """The rule is not active: publish or activate it first."""


class CannotBackfill(Conflict):
    """The rule listens to events that cannot be derived from the current state of leads."""


class NothingToPublish(Conflict):
    """The rule has no draft."""
