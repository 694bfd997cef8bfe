"""Errors of backup and restore. The command line prints them as one line."""

from app.errors import RelanceError


class CannotBackUp(RelanceError):
    """The backup cannot be made."""


class CannotRestore(RelanceError):
    """The backup cannot be restored. Nothing was changed."""
