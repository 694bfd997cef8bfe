"""Errors of sequences and enrollments."""

from app.errors import Conflict


class SequenceNameTaken(Conflict):
    """The clinic already has a sequence with this name."""


class NothingToPublish(Conflict):
    """The sequence has no draft."""


class EnrollmentIsOver(Conflict):
    """The enrollment has ended."""


class MovePlanChanged(Conflict):
    """The move plan has changed: get the plan again."""
