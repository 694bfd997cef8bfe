"""Step context: the input of guards and handlers. Workers load it from the database; simulations construct it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from app.automation.sequences.facts import UnsentMessage
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.outcomes import Row, checked_frozen
from app.engine.plan.follow_up_steps import FinishedStep
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import PublishedSequences
from app.identity.clinic_context import ClinicContext
from app.identity.models import Role
from app.identity.users.lookup import ActiveUser
from app.leads.assignment.coordinators import coordinator_of
from app.leads.assignment.rotation import UserTurns
from app.leads.events import LeadColumns
from app.leads.facts.template_values import DisplayNames, LeadForTemplates
from app.leads.pipeline.stages import Stages
from app.messaging.channels.account import Account
from app.messaging.channels.base import Destination, LeadContact
from app.messaging.compose import Recipient
from app.messaging.contact_policy.gate import GateDecision, evaluate_gate
from app.messaging.contact_policy.gate_input import ContactAttempt, ContactFacts, SentMessage
from app.messaging.gateways.service import CalledGateway
from app.messaging.gateways.throttle import Usage
from app.messaging.outages.breaker import Outages
from app.messaging.rendering.variants import Template
from app.messaging.sending_accounts.limits import Limits
from app.messaging.sending_accounts.limits import Usage as AccountUsage
from app.messaging.user_notices.digest_content import DigestContent
from app.messaging.user_notices.report_mail import ReportMail
from app.messaging.user_preferences.load import SettingsByUser
from app.messaging.webhooks.due import WebhookBatch
from app.messaging.webhooks.subscriptions import Subscription
from app.tasks.facts import TaskColumns, facts_when_due
from app.tasks.templates.models import TaskTemplate


class DueStep(FinishedStep, Protocol):
    """A step that is due: a row of `steps`, or a step of a simulation."""

    @property
    def lead_id(self) -> UUID | None: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def attempts(self) -> int: ...
    @property
    def outcome(self) -> JsonObject | None: ...


class LeadView(LeadColumns, LeadForTemplates, LeadContact, Protocol):
    """The columns of the lead that handlers use. Rows for rules and guards have more."""

    @property
    def lost_suggested_at(self) -> datetime | None: ...
    @property
    def deleted_at(self) -> datetime | None: ...
    @property
    def restricted_at(self) -> datetime | None: ...


class TaskView(TaskColumns, Protocol):
    """The columns of the task that handlers use."""

    @property
    def title(self) -> str: ...


class NotificationView(Protocol):
    """The columns of the notification that a step delivers, decrypted."""

    @property
    def id(self) -> UUID: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def lead_id(self) -> UUID | None: ...
    @property
    def user_id(self) -> UUID | None: ...
    @property
    def state(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def series(self) -> str | None: ...
    @property
    def attempts(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def error(self) -> str | None: ...
    @property
    def address(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def attachment(self) -> JsonObject | None: ...
    @property
    def headers(self) -> Mapping[str, str] | None: ...
    @property
    def activity_id(self) -> UUID | None: ...
    @property
    def written_by(self) -> UUID | None: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def message_type(self) -> str | None: ...
    @property
    def gateway_id(self) -> UUID | None: ...
    @property
    def account_name(self) -> str | None: ...
    @property
    def account_id(self) -> UUID | None: ...
    @property
    def media_url(self) -> str | None: ...
    @property
    def provider_template(self) -> JsonObject | None: ...
    @property
    def destination_id(self) -> UUID | None: ...


class GatewayView(CalledGateway, Protocol):
    """The columns of the gateway that a step calls, decrypted."""

    @property
    def id(self) -> UUID: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def per_hour(self) -> int | None: ...


class GatewayContext(NamedTuple):
    """The gateway of a step; None when there is none. `usage` is loaded for gateways with an hourly limit."""

    gateway: GatewayView | None = None
    usage: Usage = Usage()


class AccountContext(NamedTuple):
    """The sending account of a step's message; None: the server of this installation, or none that fits.

    `usage` is loaded for accounts with limits. `is_missing`: the message needs an account that the clinic does not
    have, or that is inactive.
    """

    account: Account | None = None
    limits: Limits = Limits()
    usage: AccountUsage = AccountUsage()
    is_missing: bool = False


class DestinationView(NamedTuple):
    """A user's destination: its id, how it is reached, and the blind index of its URL."""

    id: UUID
    place: Destination
    url_blind: bytes | None


class ContactContext(NamedTuple):
    """Input of the contact policy: a step's message to its lead, and the facts about the lead."""

    attempt: ContactAttempt
    facts: ContactFacts


NO_GATEWAY = GatewayContext()
NO_ACCOUNT = AccountContext()


class WriteMessage(Protocol):
    """Write the step's message to one recipient. Returns a row of `notifications` for each channel."""

    def __call__(
        self, context: "StepContext", to: Recipient, channels: Collection[str], *, user_name: str | None = None
    ) -> list[Row]: ...


@checked_frozen
class StepContext:
    """One step and the data that its guard and its handler use."""

    step: DueStep
    now: datetime
    clinic: ClinicContext
    rules: RuleSet
    lead: LeadView  # without values in steps whose `lead_id` is None
    task: TaskView | None
    notification: NotificationView | None
    template: Template | None  # of the message
    people: Mapping[UUID, ActiveUser]  # the clinic's active users, in a stable order
    names: DisplayNames  # of its stages and sources
    write_message: WriteMessage
    extra_facts: JsonObject = field(default_factory=dict)  # other facts of the lead that the guard needs
    stages: Stages = field(default_factory=dict)  # the clinic's; for kinds that need them
    turns: UserTurns | None = None  # of the clinic's users; for steps that create a task by rotation
    task_template: TaskTemplate | None = None  # that the step names
    contact: ContactContext | None = None  # of steps that send a message to the lead
    gateway_context: GatewayContext = NO_GATEWAY  # the gateway that the step uses
    account_context: AccountContext = NO_ACCOUNT  # the sending account that its message uses
    sequences: PublishedSequences = field(default_factory=PublishedSequences)  # the clinic's
    enrollment: JsonObject = field(default_factory=dict)  # facts of the enrollment that the step of a sequence needs
    unsent: UnsentMessage | None = None  # an earlier message of the enrollment; None: all are settled
    is_escalated: bool = False  # whether the lead has an open escalation; for kinds that escalate
    has_left: bool = False  # whether the enrollment is no longer at this step
    outages: Outages = field(default_factory=dict)  # channels and gateways that fail
    webhooks: WebhookBatch | None = None  # the calls that the step makes
    subscriptions: Sequence[Subscription] = ()  # the clinic's webhook endpoints
    notice_settings: SettingsByUser = field(default_factory=dict)  # of the clinic's users
    destination: DestinationView | None = None  # of the message that the step delivers
    digest: DigestContent | None = None  # that the step sends
    report_mail: ReportMail | None = None  # that the step sends
    skips_messages: bool = False  # whether an operator chose to skip the messages of this step when a hold ended

    @property
    def params(self) -> JsonObject:
        """The parameters of the step."""
        return self.step.params

    @property
    def rule_is_active(self) -> bool:
        """Whether the rule or sequence that planned the step is active. True for steps without a rule."""
        cause = self.step.cause
        if "sequence_id" in cause:
            return UUID(cause["sequence_id"]) in self.sequences.active
        return "rule" not in cause or cause["rule"] in self.rules.slugs

    def is_wanted(self, name: str) -> bool:
        """Whether a rule or a webhook endpoint of the clinic listens to events of this name."""
        return bool(self.rules.listening_to(name)) or any(one.wants(name) for one in self.subscriptions)

    @property
    def message(self) -> NotificationView:
        """The notification that the step delivers. The guard has checked that it exists."""
        assert self.notification is not None  # noqa: S101
        return self.notification

    @property
    def gateway(self) -> GatewayView:
        """The gateway that the step calls. The handler has checked that it exists."""
        assert self.gateway_context.gateway is not None  # noqa: S101
        return self.gateway_context.gateway

    def person(self, user_id: UUID | None) -> ActiveUser | None:
        """Return the active user with this id; None if there is none."""
        return self.people.get(user_id) if user_id else None

    @property
    def coordinator(self) -> ActiveUser | None:
        """The owner of the lead; if no active user owns it, a coordinator by rotation."""
        return coordinator_of(self.lead.id, self.lead.assigned_to_id, self.people)

    def verdict(self) -> GateDecision:
        """Return the decision of the contact policy about the step's message to the lead, now."""
        assert self.contact is not None  # noqa: S101  (only for steps that send a message to the lead)
        return evaluate_gate(*self.contact, self.now)

    def escalated(self) -> "StepContext":
        """Return the same context after the lead was escalated."""
        return replace(self, is_escalated=True)

    def after(self, messages: Sequence[SentMessage]) -> "StepContext":
        """Return the same context after these messages were sent to the lead."""
        if self.contact is None or not messages:
            return self
        facts = replace(self.contact.facts, sent=[*self.contact.facts.sent, *messages])
        return replace(self, contact=ContactContext(self.contact.attempt, facts))

    def with_role(self, *roles: Role) -> list[ActiveUser]:
        """Return the clinic's active users with these roles, in a stable order."""
        return [person for person in self.people.values() if person.role in roles]

    def facts(self) -> dict[str, JsonDict]:
        """Return the current facts for the conditions of a guard: mappings by group (`lead`, `task`, `since` …)."""
        # A retried message gets a new step, but events since the message was written still count.
        since = self.notification.created_at if self.notification else self.step.created_at
        at = self.clinic.calendar.local(self.now)
        facts = facts_when_due(self.lead, self.task, at=at, since=since, extra_facts=self.extra_facts)
        return {**facts, "enrollment": dict(self.enrollment)}
