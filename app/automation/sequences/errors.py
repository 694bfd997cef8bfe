"""What the state of a sequence or an enrollment may refuse."""

from app.errors import Conflict


class SequenceNameTaken(Conflict):
    """The clinic has a sequence of this name."""


class NothingToPublish(Conflict):
    """The sequence has no draft."""


class EnrollmentIsOver(Conflict):
    """The lead is through, or has left the sequence."""


class MovePlanChanged(Conflict):
    """What would become of the leads is not what you saw: look at the plan again."""
