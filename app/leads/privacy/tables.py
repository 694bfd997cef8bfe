"""The tables about people: by which column a lead's rows are found, and what is left of them after an erasure."""

from collections.abc import Mapping
from typing import Final

# Everything that an export holds, and the column of `t` that names the lead, or a duplicate that became part of it.
# Deliveries hang on notifications, and tell what a mail server answered.
ABOUT_A_LEAD: Final[Mapping[str, str]] = {
    "leads": "t.id",
    "lead_tasks": "t.lead_id",
    "lead_activities": "t.lead_id",
    "notifications": "t.lead_id",
    "deliveries": "(SELECT n.lead_id FROM notifications n WHERE n.id = t.notification_id)",
    "steps": "t.lead_id",
    "job_items": "t.lead_id",
    "consents": "t.lead_id",
    "assignment_history": "t.lead_id",
    "lead_touches": "t.lead_id",
    "events": "t.lead_id",
    "enrollments": "t.lead_id",
    "enrollment_steps": "(SELECT e.lead_id FROM enrollments e WHERE e.id = t.enrollment_id)",
}

_BLANKED: Final[Mapping[str, str]] = {
    "leads": (
        "first_name = 'Erased', last_name = '', patient_first_name = 'Erased', patient_last_name = '',"
        " sealed = NULL, email_blind = NULL, phone_blind = NULL, phone_alt_blind = NULL,"
        " preferred_time = NULL, timezone = NULL, language = NULL,"
        " address_line1 = NULL, address_line2 = NULL, city = NULL, state = NULL, postal_code = NULL,"
        " source_detail = NULL, social_handle = NULL, external_source = NULL, external_id = NULL,"
        " tags = '{}', custom = '{}'"
    ),
    "lead_tasks": "title = 'Erased', description = NULL, completion_notes = NULL, cancelled_reason = NULL, tags = '{}'",
    "lead_activities": "sealed = NULL",
    "notifications": "sealed = NULL, subject = 'Erased', body = 'Erased', error = NULL",
    "steps": "error = NULL, outcome = NULL",
    "assignment_history": "reason = NULL",
    "events": "facts = '{}', decisions = '[]'",
    "lead_touches": (
        "detail = NULL, utm_term = NULL, utm_content = NULL, referrer = NULL, landing_page = NULL, consent_text = NULL"
    ),
}

# The lead, and the duplicates that became part of it.
LEADS: Final = "SELECT id FROM leads WHERE id = :lead OR merged_into_id = :lead"
# Of whatever the record may name one by one.
NAMED: Final = f"""
{LEADS}
UNION ALL SELECT id FROM lead_tasks WHERE lead_id = :lead
UNION ALL SELECT id FROM lead_activities WHERE lead_id = :lead
UNION ALL SELECT id FROM notifications WHERE lead_id = :lead
UNION ALL SELECT id FROM consents WHERE lead_id = :lead
"""  # noqa: S608  (written above)
# The record keeps who did what to which id; the values before and after go.
_FORGET_CHANGES: Final = """
DELETE FROM audit_changes c USING audit_entries e
WHERE e.number = c.entry AND e.clinic_id = :clinic AND e.ids && CAST(:ids AS uuid[])
"""
# That a call was carried out stays known, or its second sending would bring the person back: what it answered goes.
_FORGET_ANSWERS: Final = f"""
UPDATE kept_answers k SET body = NULL, headers = '{{}}', shown = '{{}}', allowed = '' WHERE k.clinic_id = :clinic AND (
  k.shown IS NULL OR k.shown ? 'import'  -- nobody knows who else is in it
  OR EXISTS (SELECT FROM ({LEADS}) AS l WHERE strpos(k.path, l.id::text) > 0)
  OR EXISTS (SELECT FROM jsonb_each(k.shown) AS s WHERE s.value ?| CAST(:ids AS text[]))
)
"""  # noqa: S608  (as above)
_FORGET_RESPONSES: Final = """
UPDATE deliveries d SET response = NULL FROM notifications n WHERE n.id = d.notification_id AND n.lead_id = :lead
"""
# The rows of files that they came in by, and those that their jobs could not take in are gone with the job.
_FORGET_ROWS: Final = f"""
UPDATE import_rows r SET cells_sealed = NULL FROM job_items i JOIN jobs j ON j.id = i.job_id
WHERE i.lead_id IN ({LEADS}) AND j.clinic_id = :clinic
  AND r.import_id = CAST(j.spec ->> 'import_id' AS uuid) AND r.position = i.position
"""  # noqa: S608  (as above)

FORGET_STATEMENTS: Final = (
    _FORGET_RESPONSES,
    _FORGET_CHANGES,
    _FORGET_ANSWERS,
    _FORGET_ROWS,
    f"UPDATE job_items SET lead_sealed = NULL, error = NULL WHERE lead_id IN ({LEADS})",  # noqa: S608  (as above)
    "DELETE FROM consents WHERE lead_id = :lead",
    *(
        f"UPDATE {table} SET {blank} WHERE {'coalesce(merged_into_id, id)' if table == 'leads' else 'lead_id'} = :lead"  # noqa: S608  (see above)
        for table, blank in _BLANKED.items()
    ),
)
