"""SQL statements of the sweep that counts leads by day and month."""

from typing import Final

from sqlalchemy import text

from app.analytics.statements.rolled_up.opening_hours import OPENING_HASH

# A clinic with changes, or with days that are over and not counted.
NEXT_CLINIC: Final = text(
    f"SELECT c.id, c.timezone, {OPENING_HASH} AS opening_hash, rolled.ends_at AS rolled_up_to, first_lead_at,"  # noqa: S608
    f" rolled.timezone <> c.timezone OR rolled.opening_hash <> {OPENING_HASH} AS is_outdated, now() AS database_time"
    " FROM clinics c LEFT JOIN LATERAL (SELECT s.timezone, s.opening_hash, s.ends_at FROM lead_rollup_spans s"
    " WHERE s.clinic_id = c.id AND NOT s.is_month ORDER BY s.starts_at DESC LIMIT 1) AS rolled ON true"
    " LEFT JOIN LATERAL (SELECT l.created_at AS first_lead_at FROM leads l"
    " WHERE l.clinic_id = c.id AND l.deleted_at IS NULL ORDER BY l.id LIMIT 1) AS first ON rolled.ends_at IS NULL"
    " WHERE coalesce(rolled.ends_at, first_lead_at) < least(:settled, now() - interval '49 hours')"
    " OR EXISTS (SELECT FROM lead_rollup_changes ch WHERE ch.clinic_id = c.id) OR rolled.timezone <> c.timezone"
    f" OR rolled.opening_hash <> {OPENING_HASH}"
    " ORDER BY random() LIMIT 1"
)
CHANGED_DAYS: Final = text(
    "SELECT s.starts_at, s.ends_at FROM lead_rollup_spans s WHERE s.clinic_id = :clinic AND NOT s.is_month"
    " AND EXISTS (SELECT FROM lead_rollup_changes ch WHERE ch.clinic_id = :clinic"
    " AND ch.created_at >= s.starts_at AND ch.created_at < s.ends_at) ORDER BY s.starts_at LIMIT :most"
)
_SPANS: Final = "unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS span(starts_at, ends_at)"
FORGET_CHANGES: Final = text(
    f"DELETE FROM lead_rollup_changes ch USING {_SPANS} WHERE ch.clinic_id = :clinic"  # noqa: S608  (constants)
    " AND ch.created_at >= span.starts_at AND ch.created_at < span.ends_at"
)
# Changes of days that are in no rollup.
FORGET_OTHER_CHANGES: Final = text(
    "DELETE FROM lead_rollup_changes ch WHERE ch.clinic_id = :clinic AND NOT EXISTS (SELECT FROM lead_rollup_spans s"
    " WHERE s.clinic_id = :clinic AND s.starts_at <= ch.created_at AND s.ends_at > ch.created_at)"
)
FORGET_COUNTS: Final = text(
    "DELETE FROM lead_rollup_counts WHERE span_id = ANY(CAST(:ids AS bigint[])) RETURNING group_id"
)
FORGET_CLINIC: Final = tuple(
    text(f"DELETE FROM {table} WHERE clinic_id = :clinic")  # noqa: S608  (constants)
    for table in (
        *("lead_rollup_spans", "lead_rollup_counts", "lead_rollup_groups", "lead_rollup_stays"),
        "lead_rollup_entries",
    )
)
# Spans keep their ids, which reports may be about to read.
SAVE_SPANS: Final = text(
    "INSERT INTO lead_rollup_spans (clinic_id, starts_at, ends_at, is_month, timezone, opening_hash,"  # noqa: S608
    f" rolled_up_at) SELECT :clinic, starts_at, ends_at, :is_month, :timezone, :opening_hash, :now FROM {_SPANS}"
    " ON CONFLICT (clinic_id, starts_at, ends_at) DO UPDATE SET rolled_up_at = excluded.rolled_up_at RETURNING id"
)
# Those months of which all days are counted.
COMPLETE_MONTHS: Final = text(
    f"SELECT span.starts_at, span.ends_at FROM {_SPANS} JOIN lead_rollup_spans d ON d.clinic_id = :clinic"  # noqa: S608
    " AND NOT d.is_month AND d.starts_at >= span.starts_at AND d.ends_at <= span.ends_at"
    " GROUP BY span.starts_at, span.ends_at"
    " HAVING sum(d.ends_at - d.starts_at) = span.ends_at - span.starts_at"
)

_KEYS: Final = (
    "source_id, assigned_to_id, first_touch_source_id, last_touch_source_id, status, pipeline_stage, past_stages,"
    " capture_channel, lost_reason, has_contact, has_answered, has_replied"
)
_SUMS: Final = (
    "leads, money, days_to_convert, days_to_convert_of, days_to_loss, days_to_loss_of, minutes_mean, minutes_mean_of"
)
_TIMES: Final = "elapsed_seconds, business_seconds"


def _seconds(column: str) -> str:
    """Return the seconds from a lead's creation, as `responses.seconds_from_creation` does."""
    return f"CASE WHEN l.{column} < l.created_at THEN 0.0 ELSE date_part('epoch', l.{column} - l.created_at) END"


def _open_until(column: str) -> str:
    """Return the seconds that the clinic was open until a lead's time, as `OpeningTime` does."""
    at = f"date_part('epoch', l.{column})"
    place = f"width_bucket({at}, CAST(:opens AS float8[]))"
    return f"least({at} + (CAST(:shifts AS float8[]))[{place}], (CAST(:most AS float8[]))[{place}])"


_BUSINESS_TIME: Final = (
    "CASE WHEN l.first_contact_at IS NOT NULL THEN"
    f" greatest(round(({_open_until('first_contact_at')} - {_open_until('created_at')}) * 1e6) / 1e6, 0.0) END"
)

_LEADS_OF_SPANS: Final = """unnest(CAST(:starts AS timestamptz[]), CAST(:first_ids AS uuid[]), CAST(:end_ids AS uuid[]))
            AS wanted(starts_at, first_id, end_id)
        JOIN lead_rollup_spans span ON span.starts_at = wanted.starts_at AND span.id = ANY(CAST(:ids AS bigint[]))
        JOIN leads l ON l.clinic_id = :clinic AND l.deleted_at IS NULL
            AND l.created_at >= span.starts_at AND l.created_at < span.ends_at
            AND l.id >= wanted.first_id AND l.id < wanted.end_id"""

# One statement, so that all its parts read the same state of the leads.
ADD_COUNTS: Final = text(f"""
WITH counted AS MATERIALIZED (
    SELECT span_id, CAST(md5(CAST(ROW({_KEYS}) AS text)) AS uuid) AS fingerprint, {_KEYS},
        count(*) AS leads, sum(lead_value) AS money,
        sum(to_convert) / 86400 AS days_to_convert, count(to_convert) AS days_to_convert_of,
        sum(to_loss) / 86400 AS days_to_loss, count(to_loss) AS days_to_loss_of,
        sum(to_contact) / 60 AS minutes_mean, count(to_contact) AS minutes_mean_of,
        string_agg(float8send(to_contact), '') AS elapsed_seconds,
        string_agg(float8send(business_time), '') AS business_seconds
    FROM (
        SELECT span.id AS span_id, l.source_id, l.assigned_to_id, l.first_touch_source_id,
            l.last_touch_source_id, l.status, l.pipeline_stage, l.past_stages, l.capture_channel, l.lost_reason,
            l.first_contact_at IS NOT NULL AS has_contact,
            l.contacted_at IS NOT NULL OR l.replied_at IS NOT NULL AS has_answered,
            l.replied_at IS NOT NULL AS has_replied, l.lead_value, {_seconds("converted_at")} AS to_convert,
            {_seconds("lost_at")} AS to_loss, {_seconds("first_contact_at")} AS to_contact,
            {_BUSINESS_TIME} AS business_time
        FROM {_LEADS_OF_SPANS}
    ) AS lead
    GROUP BY span_id, {_KEYS}
), added AS (
    INSERT INTO lead_rollup_groups (clinic_id, fingerprint, {_KEYS})
    SELECT DISTINCT ON (fingerprint) CAST(:clinic AS uuid), fingerprint, {_KEYS} FROM counted
    ON CONFLICT (clinic_id, fingerprint) DO NOTHING RETURNING id, fingerprint
), known AS (
    SELECT id, fingerprint FROM added
    UNION ALL SELECT id, fingerprint FROM lead_rollup_groups WHERE clinic_id = :clinic
)
INSERT INTO lead_rollup_counts (clinic_id, span_id, group_id, {_SUMS}, {_TIMES})
SELECT :clinic, span_id, known.id, {_SUMS}, {_TIMES} FROM counted JOIN known USING (fingerprint)
ORDER BY span_id, known.id
""")  # noqa: S608  (constants)

_ADDED: Final = ", ".join(
    [*(f"sum(c.{name})" for name in _SUMS.split(", ")), *(f"string_agg(c.{name}, '')" for name in _TIMES.split(", "))]
)
ADD_MONTH_COUNTS: Final = text(f"""
INSERT INTO lead_rollup_counts (clinic_id, span_id, group_id, {_SUMS}, {_TIMES})
SELECT :clinic, m.id, c.group_id, {_ADDED} FROM lead_rollup_spans m
    JOIN lead_rollup_spans d ON d.clinic_id = :clinic AND NOT d.is_month
        AND d.starts_at >= m.starts_at AND d.ends_at <= m.ends_at
    JOIN lead_rollup_counts c ON c.span_id = d.id
WHERE m.id = ANY(CAST(:ids AS bigint[]))
GROUP BY m.id, c.group_id ORDER BY m.id, c.group_id
""")  # noqa: S608  (constants)
FORGET_GROUPS: Final = text(
    "DELETE FROM lead_rollup_groups g WHERE g.clinic_id = :clinic AND g.id = ANY(CAST(:ids AS bigint[]))"
    " AND NOT EXISTS (SELECT FROM lead_rollup_counts c WHERE c.group_id = g.id)"
)

FORGET_STAYS: Final = text("DELETE FROM lead_rollup_stays WHERE span_id = ANY(CAST(:ids AS bigint[]))")
# Whole hours are counted as `velocity` does.
ADD_STAYS: Final = text(f"""
WITH lead AS MATERIALIZED (
    SELECT span.id AS span_id, l.pipeline_stage, l.stage_entered_at, l.past_stages, l.past_stage_seconds
        FROM {_LEADS_OF_SPANS}
), past AS MATERIALIZED (
    SELECT span_id, pipeline_stage, stage_entered_at, past.stage, past.seconds
    FROM lead CROSS JOIN LATERAL unnest(past_stages, past_stage_seconds) AS past(stage, seconds)
), left_after AS (
    SELECT span_id, stage, CAST(floor(round(seconds * 1e6) / 3.6e9) AS integer) AS hours, count(*) AS leads
    FROM past WHERE stage <> pipeline_stage GROUP BY 1, 2, 3
), left_stages AS (
    SELECT span_id, stage, array_agg(hours ORDER BY hours) AS hours,
        array_agg(CAST(leads AS integer) ORDER BY hours) AS ended
    FROM left_after GROUP BY span_id, stage
), here AS (
    SELECT span_id, pipeline_stage AS stage, extract(epoch FROM stage_entered_at) * 1000000 AS start
    FROM lead WHERE pipeline_stage <> ALL(past_stages)
    UNION ALL
    SELECT span_id, stage, extract(epoch FROM stage_entered_at) * 1000000 - CAST(round(seconds * 1e6) AS bigint)
    FROM past WHERE stage = pipeline_stage
), present AS (
    SELECT span_id, stage, string_agg(int8send(CAST(start AS bigint)), '' ORDER BY start) AS starts
    FROM here GROUP BY span_id, stage
)
INSERT INTO lead_rollup_stays (clinic_id, span_id, stage, hours, ended, starts)
SELECT :clinic, span_id, stage, coalesce(hours, '{{}}'), coalesce(ended, '{{}}'), coalesce(starts, '')
FROM left_stages FULL JOIN present USING (span_id, stage) ORDER BY span_id, stage
""")  # noqa: S608  (constants)
# From those of the days. The starts are in order by day only.
ADD_MONTH_STAYS: Final = text("""
WITH day AS MATERIALIZED (
    SELECT m.id AS month_id, s.* FROM lead_rollup_spans m
        JOIN lead_rollup_spans d ON d.clinic_id = :clinic AND NOT d.is_month
            AND d.starts_at >= m.starts_at AND d.ends_at <= m.ends_at
        JOIN lead_rollup_stays s ON s.span_id = d.id
    WHERE m.id = ANY(CAST(:ids AS bigint[]))
), left_after AS (
    SELECT month_id, stage, pair.hour, sum(pair.leads) AS leads
    FROM day CROSS JOIN LATERAL unnest(day.hours, day.ended) AS pair(hour, leads) GROUP BY month_id, stage, pair.hour
), left_stages AS (
    SELECT month_id, stage, array_agg(hour ORDER BY hour) AS hours,
        array_agg(CAST(leads AS integer) ORDER BY hour) AS ended
    FROM left_after GROUP BY month_id, stage
), present AS (
    SELECT month_id, stage, string_agg(starts, '') AS starts FROM day GROUP BY month_id, stage
)
INSERT INTO lead_rollup_stays (clinic_id, span_id, stage, hours, ended, starts)
SELECT :clinic, month_id, stage, coalesce(hours, '{}'), coalesce(ended, '{}'), starts
FROM present LEFT JOIN left_stages USING (month_id, stage) ORDER BY month_id, stage
RETURNING span_id, stage, starts
""")
SAVE_STARTS: Final = text("UPDATE lead_rollup_stays SET starts = :starts WHERE span_id = :span AND stage = :stage")
