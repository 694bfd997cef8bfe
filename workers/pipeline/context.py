"""Step contexts, loaded for a batch in a constant number of queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import repeat
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import (
    NO_ACCOUNT,
    NO_GATEWAY,
    DestinationView,
    NotificationView,
    StepContext,
)
from app.automation.handlers.support.messages import write_message
from app.automation.sequences.facts import UnsentMessage, current_steps, enrollment_facts, unsent_messages
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import Base
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.active_rules import load_active_rules
from app.engine.models import Kind
from app.engine.rules.conditions import looked_up, single_conditions
from app.engine.rules.lead_facts import fetch_lead_facts
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import PublishedSequences, sequences_of
from app.engine.step_kind import STEP_KINDS
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_context
from app.identity.users.lookup import ActiveUser, active_users_by_clinic
from app.leads.facts.template_values import DisplayNames, display_names
from app.leads.pipeline.stages import Stages, stages_by_clinic
from app.messaging.models import Notification
from app.messaging.rendering.variants import Template
from app.messaging.templates.library import load_templates
from app.messaging.user_preferences.load import SettingsByUser, notice_settings_of
from app.messaging.webhooks.subscriptions import Subscription, subscriptions_of
from app.security.encrypted_fields import decrypt_rows
from app.tasks.escalations import open_escalations
from app.tasks.models import Task
from app.tasks.templates.create_from_template import load_task_templates
from app.tasks.templates.models import TaskTemplate
from workers.pipeline.claim import ClaimedStep, lead_of
from workers.pipeline.digests import load_digests
from workers.pipeline.message_context.accounts import load_account_contexts
from workers.pipeline.message_context.contact_context import load_contact_contexts
from workers.pipeline.message_context.destinations import load_destinations
from workers.pipeline.message_context.gateways import load_gateways
from workers.pipeline.report_mails import load_report_mails
from workers.pipeline.task_turns import load_turns
from workers.pipeline.webhooks import load_webhooks


class _OfClinic(NamedTuple):
    """The data that the steps of a clinic share."""

    context: ClinicContext
    rules: RuleSet
    people: Mapping[UUID, ActiveUser]
    stages: Stages
    names: DisplayNames
    sequences: PublishedSequences
    notice_settings: SettingsByUser
    subscriptions: Sequence[Subscription]


def load(session: Session, rows: Sequence[ClaimedStep], *, now: datetime) -> list[StepContext]:
    """Return the contexts of claimed rows, in their order."""
    versions = {row.clinic_id: row.rules_version for row in rows}
    clinics = {clinic_id: load_context(session, clinic_id, version) for clinic_id, version in versions.items()}
    shared = _load_shared(session, rows, clinics)
    tasks = _by_id(session, Task, _ids(rows, "task_id"))
    notifications = _by_id(session, Notification, _ids(rows, "notification_id"))
    templates, task_templates = _templates(session, rows), _task_templates(session, rows)
    turns = load_turns(session, rows, {one: shared[one].people for one in shared}, now=now)
    contacts = load_contact_contexts(session, rows, clinics, notifications, now=now)
    gateways = load_gateways(session, rows, notifications, now=now)
    accounts = load_account_contexts(session, rows, clinics, notifications, now=now)
    extra_facts = _extra_facts(session, rows)
    enrolled, exited = _enrollment_facts(session, rows), _exited_steps(session, rows)
    unsent = _unsent_messages(session, rows)
    webhooks = load_webhooks(session, rows, now=now)
    destinations = load_destinations(session, list(notifications.values()))
    digests = load_digests(session, rows, clinics, now=now)
    report_mails = load_report_mails(session, rows, clinics)
    escalated = open_escalations(session, {row.lead_id for row in rows if row.kind == Kind.ESCALATE and row.lead_id})
    return [
        StepContext(
            step=row,
            now=now,
            clinic=of_clinic.context,
            rules=of_clinic.rules,
            lead=lead_of(row),
            task=tasks.get(row.params.get("task_id", "")) if tasks else None,
            notification=(note := notifications.get(row.params.get("notification_id", "")) if notifications else None),
            template=templates.get((row.clinic_id, row.params.get("template", ""))) if templates else None,
            people=of_clinic.people,
            turns=turns.get(row.clinic_id) if turns else None,
            task_template=task_templates.get((row.clinic_id, row.params.get("task_template", "")))
            if task_templates
            else None,
            extra_facts=extra_facts.get(row.lead_id, {}) if extra_facts and row.lead_id else {},
            stages=of_clinic.stages,
            names=of_clinic.names,
            write_message=write_message,
            contact=contacts.get(row.id) if contacts else None,
            gateway_context=gateways.get(row.id, NO_GATEWAY) if gateways else NO_GATEWAY,
            account_context=accounts.get(row.id, NO_ACCOUNT) if accounts else NO_ACCOUNT,
            sequences=of_clinic.sequences,
            enrollment=enrolled.get(row.cause.get("enrollment_id", ""), {}) if enrolled else {},
            unsent=unsent.get(row.cause.get("enrollment_id", "")) if unsent else None,
            is_escalated=bool(escalated) and row.lead_id in escalated,
            has_left=bool(exited) and row.id in exited,
            webhooks=webhooks.get(row.id) if webhooks else None,
            subscriptions=of_clinic.subscriptions,
            notice_settings=of_clinic.notice_settings,
            destination=_destination(destinations, note) if destinations else None,
            digest=digests.get(row.id) if digests else None,
            report_mail=report_mails.get(row.id) if report_mails else None,
            skips_messages=row.skips_messages,
            outages=row.outages or {},
        )
        for row, of_clinic in zip(rows, _for_each(shared, rows), strict=True)
    ]


def _for_each(shared: Mapping[UUID, _OfClinic], rows: Sequence[ClaimedStep]) -> Iterable[_OfClinic]:
    """Return the shared data of each row's clinic. Ids are hashed only if there are several clinics."""
    if len(shared) == 1:
        [of_clinic] = shared.values()
        return repeat(of_clinic, len(rows))
    return [shared[row.clinic_id] for row in rows]


def _load_shared(
    session: Session, rows: Sequence[ClaimedStep], clinics: Mapping[UUID, ClinicContext]
) -> dict[UUID, _OfClinic]:
    """Return the data that the steps of a clinic share, by clinic id."""
    people, stages = active_users_by_clinic(session, clinics), _stages(session, rows)
    return {
        clinic_id: _OfClinic(
            clinic,
            load_active_rules(session, clinic),
            people[clinic_id],
            stages.get(clinic_id, {}),
            display_names(session, clinic),
            sequences_of(session, clinic),
            notice_settings_of(session, clinic),
            subscriptions_of(session, clinic),
        )
        for clinic_id, clinic in clinics.items()
    }


def _destination(known: Mapping[UUID, DestinationView], note: NotificationView | None) -> DestinationView | None:
    return known.get(note.destination_id) if note is not None and note.destination_id else None


def bare(row: ClaimedStep, *, now: datetime) -> StepContext:
    """Return a context with nothing but the step's row: enough to record a failure."""
    nothing: Any = None
    return StepContext(
        step=row,
        now=now,
        clinic=nothing,
        rules=RuleSet(),
        lead=nothing,
        task=None,
        notification=None,
        template=None,
        people={},
        names=nothing,
        write_message=write_message,
    )


def facts_asked_when_due(rows: Iterable[ClaimedStep]) -> frozenset[str]:
    """Return the lead facts that guards and branches of these steps use and that the claim does not load."""
    return looked_up(frozenset(path for row in rows for path in _asked(row)))


def _extra_facts(session: Session, rows: Sequence[ClaimedStep]) -> Mapping[UUID, JsonObject]:
    """Return the facts that the claim does not load, by lead id."""
    asked = facts_asked_when_due(rows)
    return fetch_lead_facts(session, {row.lead_id for row in rows if row.lead_id}, asked) if asked else {}


def _asked(row: ClaimedStep) -> Iterator[str]:
    """Yield the fact paths in the guard and the branch conditions of a step."""
    for conditions in (*(row.guard or {}).values(), row.params.get("if", ())):
        for condition in conditions:
            yield from (leaf["field"] for leaf in single_conditions(condition))


def _enrollment_facts(session: Session, rows: Iterable[ClaimedStep]) -> Mapping[str, JsonObject]:
    """Return the message facts by enrollment id, for steps that use them."""
    of_sequences = (row for row in rows if "enrollment_id" in row.cause)
    asking = [row for row in of_sequences if any(path.startswith("enrollment.") for path in _asked(row))]
    return enrollment_facts(session, {row.cause["enrollment_id"] for row in asking}) if asking else {}


def _unsent_messages(session: Session, rows: Iterable[ClaimedStep]) -> Mapping[str, UnsentMessage]:
    """Return the earlier unsent messages by enrollment id, for steps of sequences that write to their lead."""
    writing = [row for row in rows if "enrollment_id" in row.cause and STEP_KINDS[row.kind].writes_to_lead]
    return unsent_messages(session, {row.cause["enrollment_id"] for row in writing}) if writing else {}


def _exited_steps(session: Session, rows: Iterable[ClaimedStep]) -> set[UUID]:
    """Return the steps that are no longer current in their enrollment. A retried step may outlive its enrollment."""
    of_sequences = {row.id: row.cause["enrollment_id"] for row in rows if "enrollment_id" in row.cause}
    return of_sequences.keys() - current_steps(session, {*of_sequences.values()}) if of_sequences else set()


def _stages(session: Session, rows: Iterable[ClaimedStep]) -> Mapping[UUID, Stages]:
    """Return all stages of the clinics with steps that move leads."""
    moving = {row.clinic_id for row in rows if STEP_KINDS[row.kind].needs_stages}
    return stages_by_clinic(session, moving) if moving else {}


def _by_id(session: Session, model: type[Base], ids: set[str]) -> JsonDict:
    if not ids:
        return {}
    found = execute_driver_sql(session, _rows_by_id(model), {"ids": list(ids)})
    return {str(row.id): row for row in decrypt_rows(model, found)}


@cache
def _rows_by_id(model: type[Base]) -> str:
    columns = ", ".join(model.__table__.c.keys())
    return driver_sql(f"SELECT {columns} FROM {model.__tablename__} WHERE id = ANY(CAST(:ids AS uuid[]))")  # noqa: S608  (names come from the code)


def _templates(session: Session, rows: Sequence[ClaimedStep]) -> dict[tuple[UUID, str], Template]:
    slugs = _ids(rows, "template")
    return load_templates(session, {row.clinic_id for row in rows}, slugs) if slugs else {}


def _task_templates(session: Session, rows: Sequence[ClaimedStep]) -> dict[tuple[UUID, str], TaskTemplate]:
    names = _ids(rows, "task_template")
    return load_task_templates(session, {row.clinic_id for row in rows}, names) if names else {}


def _ids(rows: Sequence[ClaimedStep], name: str) -> set[str]:
    return {row.params[name] for row in rows if name in row.params}
