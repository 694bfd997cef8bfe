"""Tables with personal data: the column that finds a lead's rows, and the columns that an erasure blanks."""

from collections.abc import Mapping
from typing import Final

# Tables of an export, and the column of `t` with the id of the lead or of a merged duplicate.
# Deliveries belong to notifications, and hold responses of mail servers.
PERSONAL_DATA_TABLES: Final[Mapping[str, str]] = {
    "leads": "t.id",
    "lead_tasks": "t.lead_id",
    "lead_activities": "t.lead_id",
    "notifications": "t.lead_id",
    "deliveries": "(SELECT n.lead_id FROM notifications n WHERE n.id = t.notification_id)",
    "tracked_messages": "(SELECT n.lead_id FROM notifications n WHERE n.id = t.id)",
    "tracked_links": "(SELECT n.lead_id FROM notifications n WHERE n.id = t.notification_id)",
    "tracking_hits": "(SELECT n.lead_id FROM notifications n WHERE n.id = t.notification_id)",
    "steps": "t.lead_id",
    "job_items": "t.lead_id",
    "consents": "t.lead_id",
    "assignment_history": "t.lead_id",
    "lead_touches": "t.lead_id",
    "events": "t.lead_id",
    "enrollments": "t.lead_id",
    "webhook_deliveries": "t.lead_id",
    "inbound_emails": "t.lead_id",
    "inbound_texts": "t.lead_id",
    "lead_scores": "t.lead_id",
    "lead_score_changes": "t.lead_id",
    "next_action_answers": "t.lead_id",
    "inbound_raw_emails": "(SELECT i.lead_id FROM inbound_emails i WHERE i.id = t.id)",
    "enrollment_steps": "(SELECT e.lead_id FROM enrollments e WHERE e.id = t.enrollment_id)",
}

_BLANKED: Final[Mapping[str, str]] = {
    "leads": (
        "first_name = 'Erased', last_name = '', patient_first_name = 'Erased', patient_last_name = '',"
        " sealed = NULL, email_blind = NULL, email_main_blind = NULL, phone_blind = NULL, phone_alt_blind = NULL,"
        " preferred_time = NULL, timezone = NULL, language = NULL,"
        " address_line1 = NULL, address_line2 = NULL, city = NULL, state = NULL, postal_code = NULL,"
        " source_detail = NULL, source_campaign = NULL, social_handle = NULL,"
        " external_source = NULL, external_id = NULL,"
        " tags = '{}', custom = '{}'"
    ),
    "lead_tasks": "title = 'Erased', description = NULL, completion_notes = NULL, cancelled_reason = NULL, tags = '{}'",
    "lead_activities": "sealed = NULL",
    "notifications": "sealed = NULL, subject = 'Erased', body = 'Erased', error = NULL, provider_template = NULL,"
    " media_url = NULL",
    "steps": "error = NULL, outcome = NULL",
    "inbound_emails": "sealed = NULL",
    "inbound_texts": "sealed = NULL",
    "assignment_history": "reason = NULL",
    "events": "facts = '{}', decisions = '[]'",
    "lead_touches": (
        "campaign = NULL, detail = NULL, medium = NULL, utm_source = NULL, utm_medium = NULL, utm_campaign = NULL,"
        " utm_term = NULL, utm_content = NULL, referrer = NULL, landing_page = NULL, consent_text = NULL"
    ),
}

# The lead, and its merged duplicates.
LEAD_IDS_SQL: Final = "SELECT id FROM leads WHERE id = :lead OR merged_into_id = :lead"
# Ids of everything that audit log entries may refer to.
ERASED_IDS_SQL: Final = f"""
{LEAD_IDS_SQL}
UNION ALL SELECT id FROM lead_tasks WHERE lead_id = :lead
UNION ALL SELECT id FROM lead_activities WHERE lead_id = :lead
UNION ALL SELECT id FROM notifications WHERE lead_id = :lead
UNION ALL SELECT id FROM inbound_emails WHERE lead_id = :lead
UNION ALL SELECT id FROM inbound_texts WHERE lead_id = :lead
UNION ALL SELECT id FROM consents WHERE lead_id = :lead
"""  # noqa: S608  (constants)
# The audit log keeps actor, action and ids; the old and new values are deleted.
_ERASE_CHANGES: Final = """
DELETE FROM audit_changes c USING audit_entries e
WHERE e.number = c.entry AND e.clinic_id = :clinic AND e.ids && CAST(:ids AS uuid[])
"""
# The idempotency record stays, or a repeated request would create the person again. Its response is erased.
_ERASE_ANSWERS: Final = f"""
UPDATE kept_answers k SET body = NULL, headers = '{{}}', shown = '{{}}', allowed = '' WHERE k.clinic_id = :clinic AND (
  k.shown IS NULL OR k.shown ? 'import'  -- may hold data of any person
  OR EXISTS (SELECT FROM ({LEAD_IDS_SQL}) AS l WHERE strpos(k.path, l.id::text) > 0)
  OR EXISTS (SELECT FROM jsonb_each(k.shown) AS s WHERE s.value ?| CAST(:ids AS text[]))
)
"""  # noqa: S608  (constants)
_ERASE_RESPONSES: Final = """
UPDATE deliveries d SET response = NULL FROM notifications n WHERE n.id = d.notification_id AND n.lead_id = :lead
"""
# Import rows that became this lead. Rows that failed are deleted with their job.
_OF_THEIR_ROWS: Final = f"""
FROM job_items i JOIN jobs j ON j.id = i.job_id
WHERE i.lead_id IN ({LEAD_IDS_SQL}) AND j.clinic_id = :clinic
  AND r.import_id = CAST(j.spec ->> 'import_id' AS uuid) AND r.position = i.position
"""
_ERASE_ROWS: Final = f"UPDATE import_rows r SET cells_sealed = NULL {_OF_THEIR_ROWS}"  # noqa: S608  (constants)
_ERASE_ROW_KEYS: Final = f"DELETE FROM import_row_keys r {_OF_THEIR_ROWS.replace('FROM', 'USING', 1)}"  # noqa: S608  (constants)

# Hits tell when the person read; targets may contain their data. Their counts stay, as the messages do.
_ERASE_TRACKING: Final = tuple(
    f"DELETE FROM {table} t USING notifications n WHERE n.id = t.notification_id AND n.lead_id = :lead"  # noqa: S608  (constants)
    for table in ("tracked_links", "tracking_hits")
)

ERASE_STATEMENTS: Final = (
    *_ERASE_TRACKING,
    _ERASE_RESPONSES,
    _ERASE_CHANGES,
    _ERASE_ANSWERS,
    _ERASE_ROWS,
    _ERASE_ROW_KEYS,
    f"UPDATE job_items SET lead_sealed = NULL, error = NULL WHERE lead_id IN ({LEAD_IDS_SQL})",  # noqa: S608  (constants)
    "DELETE FROM consents WHERE lead_id = :lead",
    f"DELETE FROM webhook_deliveries WHERE lead_id IN ({LEAD_IDS_SQL})",  # noqa: S608  (constants)
    *(
        f"DELETE FROM {table} WHERE lead_id IN ({LEAD_IDS_SQL})"  # noqa: S608  (constants)
        for table in ("lead_scores", "lead_score_changes", "next_action_answers")
    ),
    "DELETE FROM inbound_raw_emails r USING inbound_emails i WHERE i.id = r.id AND i.lead_id = :lead",
    *(
        f"UPDATE {table} SET {blank} WHERE {'coalesce(merged_into_id, id)' if table == 'leads' else 'lead_id'} = :lead"  # noqa: S608  (constants)
        for table, blank in _BLANKED.items()
    ),
)
