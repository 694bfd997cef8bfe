"""Every table in one place, for migrations and for tests that walk them; no domain imports this."""

from app.activities.models import Activity
from app.automation.models import Counter, Rule, Step, SweepRun
from app.bulk.models import Job, JobItem
from app.db import Base
from app.http.models import KeptAnswer
from app.identity.models import ApiKey, Clinic, SignIn, User
from app.leads.models import Lead
from app.notifications.models import Delivery, MessageTemplate, Notification
from app.pipeline.models import PipelineStage
from app.sources.models import LeadSource
from app.task_templates.models import TaskTemplate
from app.tasks.models import Task
from app.tasks.views_models import TaskView

__all__ = [
    "Activity",
    "ApiKey",
    "Base",
    "Clinic",
    "Counter",
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
    "TaskTemplate",
    "TaskView",
    "User",
]
