"""Cancel the pending steps of a rule when a user asks for it. Events cancel steps in `app.engine.steps.cancel`."""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.rules.service import find_rule
from app.clock import now
from app.core.type_aliases import JsonDict
from app.engine.models import Reason
from app.engine.step_kind import STEP_KINDS
from app.identity.actor import Actor

# By kind, because the index of pending steps is by kind. SKIP LOCKED leaves steps that a worker is running.
_CANCEL: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now WHERE id IN (SELECT id FROM steps"
    " WHERE kind = ANY(:kinds) AND state IN ('planned', 'published') AND clinic_id = :clinic"
    " AND cause ->> 'rule_id' = :rule FOR UPDATE SKIP LOCKED)"
)


def cancel_steps_of_rule(session: Session, actor: Actor, rule_id: UUID) -> int:
    """Cancel all pending steps of the rule, of every version. Return their number. Raises NotFound.

    Steps that a worker is running now are left out.
    """
    rule = find_rule(session, actor, rule_id)
    found: JsonDict = {"clinic": actor.clinic.id, "rule": str(rule.id), "kinds": STEP_KINDS.for_rules()}
    result = session.execute(_CANCEL, {**found, "reason": Reason.BY_HAND, "now": now()})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]
