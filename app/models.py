"""Every table in one place, for migrations and for tests that walk them; no domain imports this."""

from app.activities.models import Activity
from app.automation.models import Counter, Rule, Step, SweepRun
from app.bulk.models import Job, JobItem
from app.db import Base
from app.fields.models import CustomField
from app.forms.models import WebForm
from app.http.models import KeptAnswer
from app.identity.models import ApiKey, Clinic, SignIn, User
from app.leads.models import Lead
from app.notifications.models import Delivery, MessageTemplate, Notification
from app.pipeline.models import PipelineStage
from app.sources.models import LeadSource
from app.tasks.models import Task
from app.touches.models import Touch

__all__ = [
    "Activity",
    "ApiKey",
    "Base",
    "Clinic",
    "Counter",
    "CustomField",
    "Delivery",
    "Job",
    "JobItem",
    "KeptAnswer",
    "Lead",
    "LeadSource",
    "MessageTemplate",
    "Notification",
    "PipelineStage",
    "Rule",
    "SignIn",
    "Step",
    "SweepRun",
    "Task",
    "Touch",
    "User",
    "WebForm",
]
