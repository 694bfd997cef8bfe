"""SQL statement of lead capture: insert the lead, first touch and history, and find duplicates."""

from functools import lru_cache
from typing import Final

from app.core.database.driver_sql import driver_sql
from app.core.db import recordset
from app.identity.models import Role
from app.identity.roles import LEAD_OWNER_ROLES, may_work_sql, roles_in_sql
from app.leads.assignment.rotation import NEXT_IN_ROTATION
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import Touch
from app.leads.duplicates.search import candidates_sql
from app.leads.models import Lead
from app.leads.pipeline.rotting import rotting_date_sql

COLUMNS: Final = [column.name for column in Lead.__table__.columns if column.computed is None]
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

# The insert itself checks the source, and finds the first stage and the coordinator: the requested user, else the user
# chosen by a rule, else round robin. It returns no row if the source or the requested user is not the clinic's.
# OFFSET 0 makes PostgreSQL evaluate the subquery once instead of at each reference.
_LEAD: Final = f"""
    INSERT INTO leads ({", ".join(COLUMNS)})
    SELECT {", ".join(_COMPUTED.get(name, f"given.{name}") for name in COLUMNS)}
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
    RETURNING id, clinic_id, {", ".join(DECIDED)}
"""  # noqa: S608  (the names are the model's)
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


@lru_cache(maxsize=16)
def capture_statement(values: frozenset[str]) -> str:
    """Return the statement, as `driver_sql`, for a lead with these comparison values (see `comparison_values`).

    Parts of one statement do not see each other's writes, so the lead is not found as its own duplicate.
    """
    alike = "coalesce(json_agg(json_build_array(id, by, first_name, last_name)), '[]')"
    return driver_sql(
        f"WITH lead AS ({_LEAD}), touched AS ({_TOUCH}), noted AS ({_HISTORY}), found AS ({candidates_sql(values)})"  # noqa: S608  (as above)
        f" SELECT {', '.join(DECIDED)}, (SELECT {alike} FROM found) AS alike FROM lead"
    )
