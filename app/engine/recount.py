"""Steps that rules planned because of the number of attempts, of which one turned out to be none."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import Session

from app.core.calendar.calendar import Calendar
from app.core.db import AnyRow
from app.core.type_aliases import JsonObject
from app.engine.events.events import Facts
from app.engine.rules.conditions import Condition, holds, single_conditions
from app.engine.rules.models import RuleVersion
from app.engine.sequences.definitions import sequence_versions
from app.engine.sequences.sequence import trigger_name

ATTEMPTS: Final = "failed_attempts"  # fact of a lead

_Version: TypeAlias = tuple[UUID, int]  # id and version number of a rule or sequence

# Steps of sequences end or go on with their enrollment. A step without its event in the event log stays.
_SINCE: Final = text(
    "SELECT s.id, s.name, s.state, s.cause, e.facts, e.occurred_at"
    " FROM steps AS s JOIN events AS e ON e.id = CAST(s.cause ->> 'event_id' AS uuid)"
    " WHERE s.lead_id = :lead AND s.created_at >= :since AND s.state IN ('planned', 'published', 'done')"
    " AND s.cause ->> 'rule_id' IS NOT NULL AND NOT s.cause ? 'enrollment_id' ORDER BY s.id"
)


def steps_of_attempts(
    session: Session, lead_id: UUID, calendar: Calendar, *, since: datetime, left: int
) -> Sequence[AnyRow]:
    """Return the steps that no rule would have planned without the attempt at `since`: rows with `id`, `name`, `state`.

    `left`: the attempts of the lead without it. A step stays if its rule's conditions hold with a number of attempts
    that the lead has had since. The caller locks the lead's row.
    """
    rows = session.execute(_SINCE, {"lead": lead_id, "since": since}).all()
    conditions = _conditions(session, {_version(row.cause): row.cause["rule"] for row in rows})
    return [row for row in rows if _lacks(row, conditions.get(_version(row.cause), ()), calendar, left=left)]


def _lacks(row: AnyRow, conditions: Sequence[Condition], calendar: Calendar, *, left: int) -> bool:
    """Return whether the conditions held with the attempt, and would not without it."""
    counted = row.facts.get("lead", {}).get(ATTEMPTS)
    if not counted or not _ask_for_attempts(conditions):
        return False
    facts = {**row.facts, "now": {"at": calendar.local(row.occurred_at)}}
    if not _hold(conditions, facts, counted):  # they ask for a value that the event log does not keep
        return False
    least, most = sorted((counted - 1, left))
    return not any(_hold(conditions, facts, attempts) for attempts in range(least, most + 1))


def _ask_for_attempts(conditions: Iterable[Condition]) -> bool:
    return any(one["field"] == f"lead.{ATTEMPTS}" for group in conditions for one in single_conditions(group))


def _hold(conditions: Iterable[Condition], facts: JsonObject, attempts: int) -> bool:
    known: Facts = {**facts, "lead": {**facts["lead"], ATTEMPTS: attempts}}
    return all(holds(condition, known) for condition in conditions)


def _version(cause: JsonObject) -> _Version:
    return UUID(cause["rule_id"]), cause["rule_version"]


def _conditions(session: Session, rules: Mapping[_Version, str]) -> dict[_Version, Sequence[Condition]]:
    """Return the conditions of these versions of rules, and of the rules that enroll leads. `rules`: their names."""
    found: dict[_Version, Sequence[Condition]] = {}
    columns: Any = (RuleVersion.rule_id, RuleVersion.number, RuleVersion.definition)
    if rules:
        wanted = select(*columns).where(tuple_(RuleVersion.rule_id, RuleVersion.number).in_(rules))
        found = {(id_, number): definition.get("when", ()) for id_, number, definition in session.execute(wanted)}
    for version, sequence in sequence_versions(session, [one for one in rules if one not in found]).items():
        if sequence.trigger is not None and rules[version] == trigger_name(sequence.slug):
            found[version] = sequence.trigger.when
    return found
