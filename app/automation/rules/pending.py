"""Calling off what a rule has planned and not done yet."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.rules.service import find_rule
from app.clock import now
from app.engine.models import Reason
from app.engine.step_kind import STEP_KINDS
from app.identity.actor import Actor

# By kind, of which an index has what is pending. Workers hold steps of leads only; none of them waits for another.
_CANCEL: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now WHERE id IN (SELECT id FROM steps"
    " WHERE kind = ANY(:kinds) AND state IN ('planned', 'published') AND clinic_id = :clinic"
    " AND cause ->> 'rule_id' = :rule FOR UPDATE SKIP LOCKED)"
)


def cancel_pending(session: Session, actor: Actor, rule_id: UUID) -> int:
    """Call off all pending steps of the rule, of every version; returns how many. Raises NotFound.

    What a worker has in hand at this very moment is left to it.
    """
    rule = find_rule(session, actor, rule_id)
    found: dict[str, Any] = {"clinic": actor.clinic.id, "rule": str(rule.id), "kinds": STEP_KINDS.for_rules()}
    result = session.execute(_CANCEL, {**found, "reason": Reason.BY_HAND, "now": now()})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]
