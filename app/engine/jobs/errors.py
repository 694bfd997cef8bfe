"""What a job's state may refuse."""

from app.errors import Conflict, Invalid


class ClientKeyReused(Invalid):
    """This client key was used before, with another body."""


class JobIsFinished(Conflict):
    """The job has ended: there is nothing left to cancel."""


class JobIsCancelled(Conflict):
    """The job was cancelled, and stays so: ask for what is missing in a new one."""
