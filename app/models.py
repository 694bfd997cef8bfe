"""Every table in one place, for migrations and for tests that walk them; no domain imports this."""

from app.activities.models import Activity
from app.assignment.models import Absence, AssignmentEntry, AssignmentRule, AssignmentTurn, WorkingHours
from app.audit.models import AuditChange, AuditEntry, AuditSeal
from app.automation.models import Counter, KeptEvent, Rule, RuleVersion, Step, SweepRun
from app.automation.sequence_models import Sequence, SequenceVersion
from app.automation.series import SeriesHour
from app.bulk.models import Job, JobItem
from app.db import Base
from app.fields.models import CustomField
from app.forms.models import WebForm
from app.gateways.models import Gateway, GatewayMinute, GatewayReceipt
from app.http.models import KeptAnswer
from app.identity.models import ApiKey, Clinic, CustomRole, PasswordLink, SignIn, Team, User
from app.imports.models import Import, ImportRow
from app.key_checks import KeyCheck
from app.leads.models import Lead
from app.notifications.models import Delivery, MessageTemplate, MessageTemplateVersion, Notification, Suppression
from app.nurtures.models import Nurture, NurtureRun
from app.pipeline.models import PipelineStage
from app.privacy.models import Consent
from app.sequences.models import Enrollment, EnrollmentStep
from app.sources.models import LeadSource
from app.task_templates.models import TaskTemplate
from app.tasks.models import Task
from app.tasks.views_models import TaskView
from app.touches.models import Touch

__all__ = [
    "Absence",
    "Activity",
    "ApiKey",
    "AssignmentEntry",
    "AssignmentRule",
    "AssignmentTurn",
    "AuditChange",
    "AuditEntry",
    "AuditSeal",
    "Base",
    "Clinic",
    "Consent",
    "Counter",
    "CustomField",
    "CustomRole",
    "Delivery",
    "Enrollment",
    "EnrollmentStep",
    "Gateway",
    "GatewayMinute",
    "GatewayReceipt",
    "Import",
    "ImportRow",
    "Job",
    "JobItem",
    "KeptAnswer",
    "KeptEvent",
    "KeyCheck",
    "Lead",
    "LeadSource",
    "MessageTemplate",
    "MessageTemplateVersion",
    "Notification",
    "Nurture",
    "NurtureRun",
    "PasswordLink",
    "PipelineStage",
    "Rule",
    "RuleVersion",
    "Sequence",
    "SequenceVersion",
    "SeriesHour",
    "SignIn",
    "Step",
    "Suppression",
    "SweepRun",
    "Task",
    "TaskTemplate",
    "TaskView",
    "Team",
    "Touch",
    "User",
    "WebForm",
    "WorkingHours",
]
