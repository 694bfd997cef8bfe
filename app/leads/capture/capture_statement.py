"""The one statement by which a lead is taken in, with its first touch, why it went to whom, and who may be the same."""

from functools import lru_cache
from typing import Final

from sqlalchemy import TextualSelect, column, text

from app.core.db import recordset
from app.identity.models import Role
from app.identity.users.roles import TAKES_LEADS, in_sql
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import Touch
from app.leads.duplicates.search import lookup
from app.leads.models import Lead
from app.leads.pipeline.rotting import rots_in_sql

COLUMNS: Final = [column.name for column in Lead.__table__.columns if column.computed is None]
DECIDED: Final = ("pipeline_stage", "rots_at", "rotting_reason", "assigned_to_id", "assigned_at")  # by the statement

_OF_TOUCH: Final = [column.name for column in Touch.__table__.columns]
_ROTS_AT, _ROTTING_REASON = rots_in_sql(
    "given", days="CAST(:stale_after_days AS int)", most_days="stage.max_days_in_stage"
)
_DECIDED_HERE: Final = {
    "pipeline_stage": "stage.slug",
    "rots_at": _ROTS_AT,
    "rotting_reason": _ROTTING_REASON,
    "assigned_to_id": "coordinator.id",
    "assigned_at": "CASE WHEN coordinator.id IS NOT NULL THEN given.created_at END",
}

# The source is the clinic's, the stage is its first, the coordinator is the one who was named, or whom a rule chose, or
# whose turn it is: checked and found by the insert itself. No row comes back when the source or the one who was named
# is not the clinic's. (OFFSET 0: looked for once, not wherever it is read.)
_LEAD: Final = f"""
    INSERT INTO leads ({", ".join(COLUMNS)})
    SELECT {", ".join(_DECIDED_HERE.get(name, f"given.{name}") for name in COLUMNS)}
    FROM {recordset(Lead, COLUMNS, alias="given")}
    JOIN {LeadSource.__tablename__} source
      ON source.id = given.source_id AND source.clinic_id = given.clinic_id AND source.is_active
    CROSS JOIN LATERAL (
        SELECT slug, max_days_in_stage FROM pipeline_stages WHERE clinic_id = given.clinic_id
        ORDER BY is_default DESC, position LIMIT 1
    ) AS stage
    CROSS JOIN LATERAL (
        SELECT CASE WHEN given.assigned_to_id IS NOT NULL THEN (
            SELECT id FROM users WHERE id = given.assigned_to_id AND clinic_id = given.clinic_id AND is_active
        ) WHEN CAST(:chosen AS uuid) IS NOT NULL THEN :chosen WHEN :in_turn THEN (
            SELECT team[1 + :turn % cardinality(team)] FROM (
                SELECT coalesce(
                    array_agg(id ORDER BY id) FILTER (WHERE role IN {in_sql(*TAKES_LEADS)}),
                    array_agg(id ORDER BY id)
                ) AS team FROM users
                WHERE clinic_id = given.clinic_id AND role IN {in_sql(*TAKES_LEADS, Role.CLINIC_ADMIN)}
                  AND is_active AND NOT EXISTS (
                    SELECT 1 FROM absences WHERE user_id = users.id
                    AND starts_at <= given.created_at AND ends_at > given.created_at
                  )
            ) AS those_there
        ) END AS id OFFSET 0
    ) AS coordinator
    WHERE given.assigned_to_id IS NULL OR coordinator.id IS NOT NULL
    RETURNING id, clinic_id, {", ".join(DECIDED)}
"""  # noqa: S608  (the names are the model's)
_TOUCH: Final = f"""
    INSERT INTO lead_touches ({", ".join(_OF_TOUCH)})
    SELECT {", ".join(f"touch.{name}" for name in _OF_TOUCH)}
    FROM {recordset(Touch, _OF_TOUCH, alias="touch", parameter="touches")}, lead
"""  # noqa: S608  (as above)
_NOTE: Final = """
    INSERT INTO assignment_history (lead_id, id, clinic_id, to_id, by_id, why, rule_id, rule_name, at)
    SELECT id, :note, clinic_id, assigned_to_id, CAST(:by AS uuid), :why, CAST(:rule_id AS uuid), :rule_name,
        assigned_at
    FROM lead WHERE assigned_to_id IS NOT NULL
"""


@lru_cache(maxsize=16)
def capture_statement(values: frozenset[str]) -> TextualSelect:
    """The statement for a lead that has these values to be compared by.

    What a part of a statement has written no other part of it sees: the lead is not found to be like itself.
    """
    alike = "coalesce(json_agg(json_build_array(id, by, first_name, last_name)), '[]')"
    return text(
        f"WITH lead AS ({_LEAD}), touched AS ({_TOUCH}), noted AS ({_NOTE}), found AS ({lookup(values)})"  # noqa: S608  (as above)
        f" SELECT {', '.join(DECIDED)}, (SELECT {alike} FROM found) AS alike FROM lead"
    ).columns(*map(column, (*DECIDED, "alike")))
