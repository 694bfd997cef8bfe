"""Conflicts in user management."""

from app.errors import Conflict


class NotYourself(Conflict):
    """You cannot do this to your own account. Ask another user manager."""


class NobodyElse(Conflict):
    """The clinic must keep at least one active user who can manage users."""


class StillInUse(Conflict):
    """Users still have this team or role. Change their team or role first."""


class NameTaken(Conflict):
    """The clinic already has one with this name."""
