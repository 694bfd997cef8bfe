"""What a lead's state may refuse."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.errors import Conflict, RelanceError


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


class DuplicateLead(Conflict):
    """A lead with this phone number or e-mail address is there already."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        super().__init__()
        self._members = members

    def members(self) -> Mapping[str, Any]:
        """Which ones, as far as the caller may see them."""
        return self._members


class LeadWasMerged(RelanceError):
    """The lead was a duplicate, and is part of another one now."""

    status = 410

    def __init__(self, survivor: UUID) -> None:
        super().__init__()
        self._survivor = survivor

    def members(self) -> Mapping[str, Any]:
        """Of which one."""
        return {"merged_into": str(self._survivor)}
