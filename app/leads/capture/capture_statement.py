"""SQL statement of lead capture: insert the lead, first touch and history, and find duplicates."""

from functools import lru_cache
from typing import Final

from app.core.database.driver_sql import driver_sql
from app.core.db import recordset
from app.core.type_aliases import ColumnDict, ColumnValues
from app.identity.models import Role
from app.identity.roles import LEAD_OWNER_ROLES, may_work_sql, roles_in_sql
from app.leads.assignment.rotation import NEXT_IN_ROTATION
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import Touch
from app.leads.duplicates.search import candidates_sql
from app.leads.enums import LeadStatus
from app.leads.models import Lead
from app.leads.pipeline.rotting import rotting_date_sql

COLUMNS: Final = [column.name for column in Lead.__table__.columns if column.computed is None]
# Set later than the capture: PostgreSQL stores NULL or an empty array, and need not read them.
_SET_LATER: Final = frozenset(
    {
        *("stage_overdue_since", "past_stages", "past_stage_seconds", "converted_to_patient_id"),
        *("converted_at", "lost_at", "lost_reason", "lost_suggested_at", "lost_suggested_reason", "first_contact_at"),
        *("contacted_at", "replied_at", "conversation_done_at", "opted_out_at", "opted_out_channels"),
        *("restricted_at", "erased_at", "stale_since", "without_next_action_since", "deleted_at", "merged_into_id"),
        *("rules_wait_since", "rules_wait_until"),
    }
)
# Equal in all new leads, or equal to another column.
_SAME: Final = {
    "status": f"'{LeadStatus.NEW}'",
    "failed_attempts": "0",
    "version": "1",
    **dict.fromkeys(("stage_entered_at", "last_activity_at", "updated_at"), "created_at"),
    **dict.fromkeys(("first_touch_at", "last_touch_at"), "created_at"),
    **dict.fromkeys(("first_touch_source_id", "last_touch_source_id"), "source_id"),
    "last_touch_id": "first_touch_id",
    "updated_by": "created_by",
    **dict.fromkeys(("contacted_at", "replied_at"), "CAST(NULL AS timestamptz)"),  # read by the rotting date
}
# Computed by the statement.
DECIDED: Final = ("pipeline_stage", "rots_at", "rotting_reason", "assigned_to_id", "assigned_at")

_TOUCH_COLUMNS: Final = [column.name for column in Touch.__table__.columns]
_ROTS_AT, _ROTTING_REASON = rotting_date_sql(
    "given", days="CAST(:stale_after_days AS int)", most_days="stage.max_days_in_stage"
)
_COMPUTED: Final = {
    "pipeline_stage": "stage.slug",
    "rots_at": _ROTS_AT,
    "rotting_reason": _ROTTING_REASON,
    "assigned_to_id": "coordinator.id",
    "assigned_at": "CASE WHEN coordinator.id IS NOT NULL THEN given.created_at END",
}

_INSERTED: Final = [name for name in COLUMNS if name not in _SET_LATER]
# Read from the JSON of the lead. The requested coordinator is both given and computed.
_READ: Final = [name for name in _INSERTED if name == "assigned_to_id" or (name not in _SAME and name not in _COMPUTED)]
_GIVEN: Final = frozenset(_READ)

# The insert itself checks the source, and finds the first stage and the coordinator: the requested user, else the user
# chosen by a rule, else round robin. It returns no row if the source or the requested user is not the clinic's.
# OFFSET 0 makes PostgreSQL evaluate the subquery once instead of at each reference.
_LEAD: Final = f"""
    INSERT INTO leads ({", ".join(_INSERTED)})
    SELECT {", ".join(_COMPUTED.get(name, f"given.{name}") for name in _INSERTED)}
    FROM (SELECT *, {", ".join(f"{value} AS {name}" for name, value in _SAME.items())}
        FROM {recordset(Lead, _READ)}) AS given
    JOIN {LeadSource.__tablename__} source
      ON source.id = given.source_id AND source.clinic_id = given.clinic_id AND source.is_active
    CROSS JOIN LATERAL (
        SELECT slug, max_days_in_stage FROM pipeline_stages WHERE clinic_id = given.clinic_id
        ORDER BY is_default DESC, position LIMIT 1
    ) AS stage
    CROSS JOIN LATERAL (
        SELECT CASE WHEN given.assigned_to_id IS NOT NULL THEN (
            SELECT id FROM users WHERE id = given.assigned_to_id AND clinic_id = given.clinic_id AND is_active
              AND {may_work_sql("users")}
        ) WHEN CAST(:chosen AS uuid) IS NOT NULL THEN :chosen WHEN :in_turn THEN (
            SELECT {NEXT_IN_ROTATION} FROM (
                SELECT coalesce(
                    array_agg(id ORDER BY id) FILTER (WHERE role IN {roles_in_sql(*LEAD_OWNER_ROLES)}),
                    array_agg(id ORDER BY id)
                ) AS team FROM users
                WHERE clinic_id = given.clinic_id AND role IN {roles_in_sql(*LEAD_OWNER_ROLES, Role.CLINIC_ADMIN)}
                  AND is_active AND NOT EXISTS (
                    SELECT 1 FROM absences WHERE user_id = users.id
                    AND starts_at <= given.created_at AND ends_at > given.created_at
                  )
            ) AS available_team
        ) END AS id OFFSET 0
    ) AS coordinator
    WHERE given.assigned_to_id IS NULL OR coordinator.id IS NOT NULL
    RETURNING id, clinic_id, first_touch_id, source_id, capture_channel, source_campaign, source_detail, created_at,
        created_by, {", ".join(DECIDED)}
"""  # noqa: S608  (the names are the model's)
# A touch without details has only values of the lead.
_PLAIN_TOUCH: Final = """
    INSERT INTO lead_touches
        (id, clinic_id, lead_id, source_id, channel, campaign, detail, occurred_at, created_at, created_by)
    SELECT first_touch_id, clinic_id, id, source_id, capture_channel, source_campaign, source_detail, created_at,
        created_at, created_by FROM lead
"""
_TOUCH: Final = f"""
    INSERT INTO lead_touches ({", ".join(_TOUCH_COLUMNS)})
    SELECT {", ".join(f"touch.{name}" for name in _TOUCH_COLUMNS)}
    FROM {recordset(Touch, _TOUCH_COLUMNS, alias="touch", parameter="touches")}, lead
"""  # noqa: S608  (as above)
_HISTORY: Final = """
    INSERT INTO assignment_history (lead_id, id, clinic_id, to_id, by_id, why, rule_id, rule_name, at)
    SELECT id, :note, clinic_id, assigned_to_id, CAST(:by AS uuid), :why, CAST(:rule_id AS uuid), :rule_name,
        assigned_at
    FROM lead WHERE assigned_to_id IS NOT NULL
"""
_SEARCH: Final = (
    "INSERT INTO lead_search (id, clinic_id, keys, has_notes)"
    " SELECT id, clinic_id, CAST(:keys AS integer[]), true FROM lead"
)

_SCORE: Final = """
    INSERT INTO lead_scores (lead_id, clinic_id, score, adjustment, basis, since, parts)
    SELECT id, clinic_id, CAST(:score AS smallint), CAST(:adjustment AS smallint), :score_basis, created_at,
        CAST(:score_parts AS jsonb)
    FROM lead
"""


@lru_cache(maxsize=16)
def capture_statement(values: frozenset[str], *, with_touch: bool) -> str:
    """Return the statement, as `driver_sql`, for a lead with these `comparison_parameters`.

    The parameter `rows` has the `columns_to_read` of the lead, and `keys` its search keys. The parameters `score…` and
    `adjustment` are its first score. `with_touch`: the parameter
    `touches` has the first touch, which has details; else its values are those of the lead.

    Parts of one statement do not see each other's writes, so the lead is not found as its own duplicate.
    """
    touch = _TOUCH if with_touch else _PLAIN_TOUCH
    alike = "coalesce(json_agg(json_build_array(id, by, first_name, last_name)), '[]')"
    return driver_sql(
        f"WITH lead AS ({_LEAD}), touched AS ({touch}), noted AS ({_HISTORY}), indexed AS ({_SEARCH}),"  # noqa: S608  (as above)
        f" scored AS ({_SCORE}), found AS ({candidates_sql(values)})"
        f" SELECT {', '.join(DECIDED)}, (SELECT {alike} FROM found) AS alike FROM lead"
    )


def columns_to_read(row: ColumnValues) -> ColumnDict:
    """Return the columns of a new lead that the statement reads. Raises ValueError for one that it would not store."""
    if lost := [name for name in _SET_LATER & row.keys() if row[name]]:
        raise ValueError(lost)
    return {name: value for name, value in row.items() if name in _GIVEN}
