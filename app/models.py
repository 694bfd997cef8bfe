"""All SQLAlchemy models, for migrations and for tests over every table. Domain modules must not import this."""

from app.analytics.reporting.saved.models import SavedReport
from app.analytics.statements.rolled_up.models import (
    RollupChange,
    RollupCount,
    RollupEntries,
    RollupGroup,
    RollupSpan,
    RollupStay,
)
from app.analytics.work.models import TaskRollupChange, TaskRollupDay
from app.audit.models import AuditChainLink, AuditChange, AuditEntry
from app.automation.lead_view.next_action_models import NextActionAnswer
from app.automation.nurtures.models import Nurture, NurtureRun
from app.automation.sequences.models import Enrollment, EnrollmentStep
from app.core.db import Base
from app.core.idempotency_records import IdempotencyRecord
from app.engine.jobs.models import Job, JobItem
from app.engine.models import EventRecord, Hold, MetricCounter, Step, SweepRun
from app.engine.rules.models import RuleRow, RuleVersion
from app.engine.sequences.models import SequenceRow, SequenceVersion
from app.engine.statistics.outcome_statistics import SeriesHour, SeriesTotal
from app.identity.models import ApiKey, Clinic, CustomRole, PasswordLink, SignIn, Team, User
from app.leads.assignment.models import Absence, AssignmentEntry, AssignmentRule, AssignmentTurn, WorkingHours
from app.leads.attribution.cost_models import SourceCost
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import Touch
from app.leads.capture.forms.models import WebForm
from app.leads.capture.imports.models import Import, ImportRow
from app.leads.custom_fields.models import CustomField
from app.leads.facts.best_time.models import ContactHours
from app.leads.models import Lead
from app.leads.pipeline.models import PipelineStage
from app.leads.privacy.models import LegalHold
from app.leads.scoring.models import LeadScore, LeadScoreChange, LearnedModel, ScoreTableRow
from app.leads.search.by_text.models import LeadSearch
from app.leads.search.view_models import LeadView
from app.leads.timeline.models import Activity
from app.messaging.contact_policy.consent_models import Consent
from app.messaging.gateways.models import Gateway, GatewayMinute, GatewayReceipt
from app.messaging.inbound.models import InboundEmail, InboundHook, InboundRawEmail
from app.messaging.inbound.texts.models import InboundText, TextReceipt
from app.messaging.mailboxes.models import Mailbox
from app.messaging.models import (
    Delivery,
    MessageTemplate,
    MessageTemplateVersion,
    Notification,
    Suppression,
    TrackedMessage,
)
from app.messaging.outages.models import ChannelOutage
from app.messaging.sending_accounts.models import SendingAccount, SendingAccountCount
from app.messaging.tracking.models import TrackedLink, TrackingHit
from app.messaging.user_preferences.models import NoticeDestination, NoticePreferences
from app.messaging.webhooks.models import WebhookDelivery, WebhookEndpoint
from app.security.database_counters import RateCounter
from app.security.key_verification import KeyCheck
from app.tasks.models import Task
from app.tasks.templates.models import TaskTemplate
from app.tasks.views.models import TaskView

__all__ = [
    "Absence",
    "Activity",
    "ApiKey",
    "AssignmentEntry",
    "AssignmentRule",
    "AssignmentTurn",
    "AuditChainLink",
    "AuditChange",
    "AuditEntry",
    "Base",
    "ChannelOutage",
    "Clinic",
    "Consent",
    "ContactHours",
    "CustomField",
    "CustomRole",
    "Delivery",
    "Enrollment",
    "EnrollmentStep",
    "EventRecord",
    "Gateway",
    "GatewayMinute",
    "GatewayReceipt",
    "Hold",
    "IdempotencyRecord",
    "Import",
    "ImportRow",
    "InboundEmail",
    "InboundHook",
    "InboundRawEmail",
    "InboundText",
    "Job",
    "JobItem",
    "KeyCheck",
    "Lead",
    "LeadScore",
    "LeadScoreChange",
    "LeadSearch",
    "LeadSource",
    "LeadView",
    "LearnedModel",
    "LegalHold",
    "Mailbox",
    "MessageTemplate",
    "MessageTemplateVersion",
    "MetricCounter",
    "NextActionAnswer",
    "NoticeDestination",
    "NoticePreferences",
    "Notification",
    "Nurture",
    "NurtureRun",
    "PasswordLink",
    "PipelineStage",
    "RateCounter",
    "RollupChange",
    "RollupCount",
    "RollupEntries",
    "RollupGroup",
    "RollupSpan",
    "RollupStay",
    "RuleRow",
    "RuleVersion",
    "SavedReport",
    "ScoreTableRow",
    "SendingAccount",
    "SendingAccountCount",
    "SequenceRow",
    "SequenceVersion",
    "SeriesHour",
    "SeriesTotal",
    "SignIn",
    "SourceCost",
    "Step",
    "Suppression",
    "SweepRun",
    "Task",
    "TaskRollupChange",
    "TaskRollupDay",
    "TaskTemplate",
    "TaskView",
    "Team",
    "TextReceipt",
    "Touch",
    "TrackedLink",
    "TrackedMessage",
    "TrackingHit",
    "User",
    "WebForm",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WorkingHours",
]
