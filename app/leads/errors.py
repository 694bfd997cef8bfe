"""Errors that depend on the state of a lead."""

from uuid import UUID

from app.core.type_aliases import JsonObject
from app.errors import Conflict, RelanceError


class LeadIsLocked(Conflict):
    """The lead has become a patient and is read-only."""


class LeadIsRestricted(LeadIsLocked):
    """The person has asked to restrict the use of their data. Lift the restriction first."""


class LeadIsHeld(Conflict):
    """The lead is on legal hold: nothing of it may be deleted. End the hold first."""


class LeadIsClosed(Conflict):
    """The lead is lost or archived. Reopen it first."""


class LeadIsNotLost(Conflict):
    """Only a lost lead can be reopened."""


class NoWayBack(Conflict):
    """A lead cannot move back to an earlier stage: only forward, or to Lost."""


class StageIsFinal(Conflict):
    """The lead is in a final stage, which it cannot leave."""


class DuplicateLead(Conflict):
    """A lead with this phone number or e-mail address already exists."""

    def __init__(self, members: JsonObject) -> None:
        super().__init__()
        self._members = members

    @property
    def exact_id(self) -> UUID | None:
        """The id of the first visible lead with the same phone number or address."""
        found = next(iter(self._members["duplicates"]), None)
        return UUID(found["lead_id"]) if found and found["match_on"] != ["name"] else None

    def members(self) -> JsonObject:
        """Return the duplicates that the caller may see."""
        return self._members


class LeadWasMerged(RelanceError):
    """The lead was merged into another lead."""

    status = 410

    def __init__(self, survivor: UUID) -> None:
        super().__init__()
        self._survivor = survivor

    def members(self) -> JsonObject:
        """Return the id of the surviving lead."""
        return {"merged_into": str(self._survivor)}
