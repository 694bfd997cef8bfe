"""Declarations of tables about the clinic: settings, users, providers, figures. No row belongs to one person."""

from collections.abc import Mapping
from typing import Final

from app.leads.personal_data.columns import Table, if_named, stays

SETTINGS: Final = "A setting or a text of the clinic, the same for all leads."
STAFF: Final = "Data about users of the clinic, who are not leads."
FIGURES: Final = "Numbers, codes and times of many leads together."
PROVIDERS: Final = "A provider's settings and state. Addresses and names are removed from stored error texts."
SYSTEM: Final = "State of the system, without data about leads."

CLINIC: Final[Mapping[str, Table]] = {
    "absences": Table(
        {
            **stays("id clinic_id user_id starts_at ends_at cover_id tasks created_at created_by", because=STAFF),
            **if_named("note"),
        }
    ),
    "api_keys": Table(
        {
            **stays("id clinic_id name prefix secret_hash scopes created_by created_at expires_at", because=STAFF),
            **stays("last_used_at revoked_at", because=STAFF),
        }
    ),
    "assignment_rules": Table(
        {
            **stays(
                "id clinic_id name is_active position strategy conditions members fallback_id created_at",
                because=SETTINGS,
            ),
            **stays("updated_at version", because=SETTINGS),
        }
    ),
    "assignment_turns": Table(stays("rule_id user_id", because=SYSTEM)),
    "task_turns": Table(stays("clinic_id user_id", because=SYSTEM)),
    "audit_seals": Table(stays("clinic_id number up_to entries seal sealed_at", because=SYSTEM)),
    "channel_outages": Table(
        {
            **stays(
                "target gateway_id account_id failures error failing_since opened_at checked_at closed_at",
                because=PROVIDERS,
            ),
            **stays("notified_at", because=PROVIDERS),
        }
    ),
    "clinics": Table(
        {
            **stays("id name slug timezone region language subdivision business_hours closed_dates", because=SETTINGS),
            **stays(
                "quiet_hours hours_version sender_name postal_address sender_version stale_after_days", because=SETTINGS
            ),
            **stays("contact_policy contact_policy_version inbound_email inbound_email_version", because=SETTINGS),
            **stays("message_tracking message_tracking_version detects_sentiment sentiment_version", because=SETTINGS),
            **stays("task_cancellation task_cancellation_version", because=SETTINGS),
            **stays("spread_tasks_per_hour keep_history_days follow_ups_version profile_version", because=SETTINGS),
            **stays("rules_version created_at", because=SETTINGS),
        }
    ),
    "contact_hours": Table(stays("clinic_id segment_id counts learned_at", because=FIGURES)),
    "counters": Table(stays("process metric labels value updated_at", because=FIGURES)),
    "custom_fields": Table(
        stays("id clinic_id key label type options required archived created_at updated_at version", because=SETTINGS)
    ),
    "gateway_minutes": Table(stays("gateway_id minute sent promised", because=FIGURES)),
    "gateway_receipts": Table(stays("gateway_id call_id received_at", because=PROVIDERS)),
    "gateways": Table(
        {
            **stays(
                "id clinic_id name purpose rotated_at per_hour idempotent is_active is_default failures",
                because=PROVIDERS,
            ),
            **stays("created_at updated_at version url secret previous_secret", because=PROVIDERS),
        }
    ),
    "holds": Table(stays("id because held_at backup_made_at resumed_at skip_messages_before", because=SYSTEM)),
    "inbound_hooks": Table(
        {
            **stays(
                "id clinic_id name provider topic authentication_server on_failed_authentication", because=PROVIDERS
            ),
            **stays(
                "is_active last_called_at created_at updated_at version secret verification_key", because=PROVIDERS
            ),
        }
    ),
    "key_checks": Table(stays("name sealed retired_at", because=SYSTEM)),
    "lead_rollup_changes": Table(stays("id clinic_id created_at", because=FIGURES)),
    "lead_rollup_counts": Table(
        {
            **stays(
                "span_id group_id clinic_id leads money days_to_convert days_to_convert_of days_to_loss",
                because=FIGURES,
            ),
            **stays("days_to_loss_of minutes_mean minutes_mean_of elapsed_seconds business_seconds", because=FIGURES),
        }
    ),
    "lead_rollup_entries": Table(stays("span_id stage clinic_id firsts previous", because=FIGURES)),
    "lead_rollup_groups": Table(
        {
            **stays("id clinic_id fingerprint source_id assigned_to_id first_touch_source_id", because=FIGURES),
            **stays(
                "last_touch_source_id status pipeline_stage past_stages capture_channel lost_reason", because=FIGURES
            ),
            **stays("has_contact has_answered has_replied", because=FIGURES),
        }
    ),
    "lead_rollup_spans": Table(
        stays("id clinic_id starts_at ends_at is_month timezone opening_hash rolled_up_at", because=FIGURES)
    ),
    "lead_rollup_stays": Table(stays("span_id stage clinic_id hours ended starts", because=FIGURES)),
    "lead_source_costs": Table(stays("clinic_id id source_id valid_from monthly_cost written_at", because=SETTINGS)),
    "lead_sources": Table(
        {
            **stays(
                "id clinic_id name category description aliases is_active monthly_cost created_at", because=SETTINGS
            ),
            **stays("updated_at version", because=SETTINGS),
        }
    ),
    "lead_views": Table(
        {
            **stays("id clinic_id user_id shared created_at updated_at version", because=SETTINGS),
            **if_named("name filters"),
        }
    ),
    "mailboxes": Table(
        {
            **stays(
                "id clinic_id name host port security sign_in tenant client_id folder is_active", because=PROVIDERS
            ),
            **stays(
                "authentication_server on_failed_authentication mark_seen since uidvalidity last_uid", because=PROVIDERS
            ),
            **stays(
                "attempted_uid attempts supports_idle last_seen_at failing_since error notified_at holder",
                because=PROVIDERS,
            ),
            **stays("held_until created_at updated_at version username password client_secret", because=PROVIDERS),
        }
    ),
    "message_template_versions": Table(
        stays("id clinic_id template_id number variants repeats created_at created_by", because=SETTINGS)
    ),
    "message_templates": Table(
        stays("id clinic_id slug name description number created_at created_by updated_at version", because=SETTINGS)
    ),
    "notice_destinations": Table(
        {
            **stays(
                "id clinic_id user_id channel name url_blind test_id created_at updated_at version url", because=STAFF
            ),
            **stays("p256dh auth", because=STAFF),
        }
    ),
    "notice_preferences": Table(
        stays("id clinic_id choices digest_at timezone is_guide_closed updated_at version", because=STAFF)
    ),
    "nurture_runs": Table(
        {
            **stays(
                "id clinic_id nurture_id scheduled_for asked_by state reason started_at worked_at", because=FIGURES
            ),
            **stays("finished_at reached_score reached_id taken refused", because=FIGURES),
        }
    ),
    "nurtures": Table(
        {
            **stays(
                "id clinic_id playbook name is_active run_hours days score_from score_to silent_for", because=SETTINGS
            ),
            **stays("sequence batch most next_run_at created_at updated_at updated_by version", because=SETTINGS),
        }
    ),
    "password_links": Table(stays("id user_id created_at expires_at used_at", because=STAFF)),
    "pipeline_stages": Table(
        {
            **stays(
                "id clinic_id name slug description position color max_days_in_stage is_terminal", because=SETTINGS
            ),
            **stays("is_default archived_at moves_to created_at updated_at version", because=SETTINGS),
        }
    ),
    "rate_counters": Table(stays("name count ends_at", because=FIGURES)),
    "roles": Table(stays("id clinic_id slug name grants created_at updated_at version", because=STAFF)),
    "rule_versions": Table(
        stays("rule_id id clinic_id number definition created_at created_by note", because=SETTINGS)
    ),
    "rules": Table(
        {
            **stays(
                "id clinic_id playbook slug definition published active paused_because created_at", because=SETTINGS
            ),
            **stays("updated_at updated_by deleted_at version", because=SETTINGS),
        }
    ),
    "saved_reports": Table(
        {
            **stays(
                "id clinic_id user_id report shared schedule scheduled_at created_at updated_at version",
                because=SETTINGS,
            ),
            **if_named("name parameters"),
        }
    ),
    "score_models": Table(
        {
            **stays(
                "clinic_id id trained_at closed_leads conversions tested_leads auc calibration_error", because=FIGURES
            ),
            **stays("weights", because=FIGURES),
        }
    ),
    "score_tables": Table(stays("clinic_id is_kept kept_since model base weights version", because=SETTINGS)),
    "sending_account_counts": Table(stays("account_id period starts_at sent promised", because=FIGURES)),
    "sending_accounts": Table(
        {
            **stays(
                "id clinic_id name kind channels default_for settings is_active per_hour per_day", because=PROVIDERS
            ),
            **stays(
                "warm_up_per_day warm_up_growth warm_up_started_on created_at updated_at version", because=PROVIDERS
            ),
            **stays("credentials", because=PROVIDERS),
        }
    ),
    "sequence_versions": Table(
        stays("sequence_id id clinic_id number definition created_at created_by note", because=SETTINGS)
    ),
    "sequences": Table(
        {
            **stays(
                "id clinic_id playbook slug definition published active paused_because created_at", because=SETTINGS
            ),
            **stays("updated_at updated_by deleted_at version", because=SETTINGS),
        }
    ),
    "series_totals": Table(stays("clinic_id series done sent failed", because=FIGURES)),
    "series_hours": Table(stays("clinic_id series hour shard done sent failed bounced opted_out", because=FIGURES)),
    "sign_ins": Table(
        {
            **stays(
                "id user_id refresh_id former_refresh_id refreshed_at created_at expires_at revoked_at", because=STAFF
            ),
            **stays("last_used_at emergency_until address client", because=STAFF),
        }
    ),
    "sweep_runs": Table(stays("name started_at finished_at runs result error", because=FIGURES)),
    "task_rollup_changes": Table(stays("id clinic_id due_at", because=FIGURES)),
    "task_rollup_days": Table(
        stays(
            "clinic_id starts_at ends_at timezone rolled_up_at assignees tasks completed on_time types_rolled_up_at"
            " types tasks_of_types completed_of_types on_time_of_types",
            because=FIGURES,
        )
    ),
    "task_templates": Table(
        {
            **stays(
                "id clinic_id name title description type priority due_in business_time tags stage", because=SETTINGS
            ),
            **stays("created_at created_by updated_at version", because=SETTINGS),
        }
    ),
    "task_views": Table(
        {
            **stays("id clinic_id user_id shared created_at updated_at version", because=SETTINGS),
            **if_named("name filters"),
        }
    ),
    "teams": Table(stays("id clinic_id name created_at updated_at version", because=STAFF)),
    "text_receipts": Table(stays("account_id report_id clinic_id received_at", because=PROVIDERS)),
    "users": Table(
        {
            **stays(
                "id clinic_id email name role team_id password_hash is_active created_at updated_at", because=STAFF
            ),
            **stays("last_login_at version", because=STAFF),
        }
    ),
    "web_forms": Table(
        {
            **stays(
                "id clinic_id name key allowed_origins source_id campaign fields consent_text thank_you",
                because=SETTINGS,
            ),
            **stays("redirect_url is_active created_at updated_at version", because=SETTINGS),
        }
    ),
    "webhook_endpoints": Table(
        {
            **stays(
                "id clinic_id description rotated_at events ordered include_lead is_active disabled_at",
                because=PROVIDERS,
            ),
            **stays(
                "disabled_because failures pauses failing_since paused_until warned_at last_error", because=PROVIDERS
            ),
            **stays("created_at updated_at version url secret previous_secret", because=PROVIDERS),
        }
    ),
    "working_hours": Table(stays("user_id clinic_id hours updated_at", because=STAFF)),
}
