"""Gate preview: what the gate decides about planned messages at their due times. For dry runs and previews."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.core.calendar.durations import format_duration
from app.core.type_aliases import JsonDict
from app.engine.plan.plan import PlannedStep
from app.engine.step_kind import STEP_KINDS
from app.identity.clinic_context import ClinicContext
from app.messaging.contact_policy.contact_attempts import attempt_for_step
from app.messaging.contact_policy.gate import Allow, GateDecision, Never, Until, evaluate_gate, explain_gate
from app.messaging.contact_policy.load_facts import AttemptContext, ContactedLead, address_for, load_contact_facts


class GateCounts(NamedTuple):
    """Numbers of messages that the gate blocks, and that it postpones, by reason."""

    blocked: Counter[str]
    put_off: Counter[str]


def count_gate_verdicts(
    session: Session, clinic: ClinicContext, messages: Sequence[tuple[Any, PlannedStep]], *, at: datetime
) -> GateCounts:
    """Count the gate's decisions about these messages, each with its lead, at their due times.

    Earlier contacts count up to `at`.
    """
    counts = GateCounts(Counter(), Counter())
    contexts = [_attempt_context(clinic, lead, step) for lead, step in messages]
    known = load_contact_facts(session, contexts, now=at)
    for context, facts, (_, step) in zip(contexts, known, messages, strict=True):
        match evaluate_gate(context.attempt, facts, step.due_at):
            case Never(reason):
                counts.blocked[reason] += 1
            case Until(_, reason):
                counts.put_off[reason] += 1
    return counts


def _attempt_context(clinic: ClinicContext, lead: ContactedLead, step: PlannedStep) -> AttemptContext:
    channel = step.params["channel"]
    return AttemptContext(
        lead, clinic, attempt_for_step(step, channel, address_for(lead, channel), planned_at=step.due_at)
    )


def preview_gates(
    session: Session, clinic: ClinicContext, lead: ContactedLead, steps: Sequence[PlannedStep]
) -> list[JsonDict | None]:
    """Return the gate's decision and checks for each step, at its due time; None for a step that sends nothing."""
    return [_gate(session, clinic, lead, step) if STEP_KINDS[step.kind].writes_to_lead else None for step in steps]


def _gate(session: Session, clinic: ClinicContext, lead: ContactedLead, step: PlannedStep) -> JsonDict:
    context = _attempt_context(clinic, lead, step)
    attempt, [facts] = context.attempt, load_contact_facts(session, [context], now=step.due_at)
    findings = explain_gate(attempt, facts, step.due_at)
    return {
        **_to_response(evaluate_gate(attempt, facts, step.due_at)),
        "checks": [
            {
                "check": one.check,
                "is_asked": one.applies,
                **_to_response(one.decision),
                "looked_at": _as_json(one.facts),
            }
            for one in findings
        ],
    }


def _as_json(facts: Mapping[str, object]) -> JsonDict:
    """Return the facts of a check with durations as users write them, such as "1 day"."""
    return {name: format_duration(value) if isinstance(value, timedelta) else value for name, value in facts.items()}


def _to_response(decision: GateDecision) -> JsonDict:
    match decision:
        case Never(reason):
            return {"verdict": "never", "reason": reason, "until": None}
        case Until(instant, reason):
            return {"verdict": "later", "reason": reason, "until": instant}
        case Allow():
            return {"verdict": "allowed", "reason": None, "until": None}
