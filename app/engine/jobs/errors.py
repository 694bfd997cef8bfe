"""Errors of jobs."""

from app.errors import Conflict, Invalid


class ClientKeyReused(Invalid):
    """This client key was already used with a different body."""


class JobIsFinished(Conflict):
    """The job has finished: nothing is left to cancel."""


class JobIsCancelled(Conflict):
    """The job was cancelled and cannot continue: create a new job for the missing items."""
