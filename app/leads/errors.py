"""What a lead's state may refuse."""

from app.errors import Conflict


class LeadIsLocked(Conflict):
    """The lead became a patient: it can be read, and nothing else."""


class LeadIsRestricted(LeadIsLocked):
    """The person has asked that nothing be done with what is known of them: lift the restriction first."""


class LeadIsClosed(Conflict):
    """The lead is lost or archived, and would have to be reopened first."""


class LeadIsNotLost(Conflict):
    """Only a lost lead can be reopened."""


class NoWayBack(Conflict):
    """A lead can skip stages, but moves back to none of them: only forward, or to Lost."""


class StageIsFinal(Conflict):
    """The lead is in a final stage, which it cannot leave."""
