"""Task template service. The caller commits."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, exists, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.ports import Port
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.engine.models import PENDING, Kind, Step
from app.engine.rules.models import RuleRow
from app.engine.sequences.models import SequenceRow
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.leads.custom_fields.values import definitions_of
from app.leads.pipeline.models import PipelineStage
from app.tasks.templates.models import TaskTemplate
from app.tasks.templates.rendering import TaskText, template_errors

_NAMING: Final = (Kind.CREATE_TASK, Kind.BRANCH)  # kinds of steps that may name a task template


class TemplateNameTaken(Conflict):
    """The clinic already has a task template of this name."""


class TemplateIsInUse(Conflict):
    """Rules, sequences or planned steps name the task template."""


# Names of the sequences whose live enrollments, in any version, name the task template of this clinic and name.
enrolled_by_template: Port[[Session, UUID, str], Sequence[str]] = Port("enrolled_by_template")


def list_templates(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the clinic's templates by name, optionally of one stage."""
    templates = select(TaskTemplate).where(TaskTemplate.clinic_id == actor.clinic.id)
    if "stage" in query:
        templates = templates.where(TaskTemplate.stage == query["stage"])
    return page(session, templates, [(TaskTemplate.name, "asc")], query)


def create_template(session: Session, actor: Actor, data: JsonObject) -> TaskTemplate:
    """Create a template from `data`, as `TemplateIn` reads it. Raises Invalid, TemplateNameTaken."""
    check_template(session, actor, data)
    [template] = add_templates(session, actor.clinic.id, [data], by=actor.user_id)
    return template


def add_templates(
    session: Session, clinic_id: UUID, templates: Iterable[JsonObject], *, by: UUID | None = None
) -> list[TaskTemplate]:
    """Add templates without mistakes, such as those of a playbook. `by`: the user. Raises TemplateNameTaken."""
    at = now()
    added = [
        TaskTemplate(
            id=new_id(), clinic_id=clinic_id, created_at=at, created_by=by, updated_at=at, version=1, **template
        )
        for template in templates
    ]
    session.add_all(added)
    _flush(session)
    return added


def update_template(
    session: Session, actor: Actor, template_id: UUID, data: JsonObject, *, seen: SeenVersions
) -> TaskTemplate:
    """Replace all values of a template. Tasks planned from it stay unchanged.

    Raises NotFound, ChangedMeanwhile, Invalid, TemplateNameTaken, TemplateIsInUse (when its name changes).
    """
    template = find(session, actor, template_id, lock=True)
    require_version(template, seen)
    check_template(session, actor, data, template_id=template_id)
    if data["name"] != template.name:
        _require_unused(session, template)
    for name, value in data.items():
        setattr(template, name, value)
    template.updated_at = now()
    template.version += 1
    _flush(session)
    return template


def delete_template(session: Session, actor: Actor, template_id: UUID, *, seen: SeenVersions) -> None:
    """Delete a template that nothing needs. Tasks planned from it stay.

    Raises NotFound, ChangedMeanwhile, TemplateIsInUse.
    """
    template = find(session, actor, template_id, lock=True)
    require_version(template, seen)
    _require_unused(session, template)
    session.delete(template)


def find(session: Session, actor: Actor, template_id: UUID, *, lock: bool = False) -> TaskTemplate:
    """Return the clinic's template; with `lock`, lock it for a change. Raises NotFound."""
    known = select(TaskTemplate).where(TaskTemplate.id == template_id, TaskTemplate.clinic_id == actor.clinic.id)
    template = session.scalars(known.with_for_update() if lock else known).one_or_none()
    if template is None:
        raise NotFound
    return template


def check_template(
    session: Session, actor: Actor, data: JsonObject, /, *, template_id: UUID | None = None, **_: object
) -> None:
    """Check custom fields and the stage against the clinic's settings. Raises Invalid with every error."""
    check_all(
        lambda: _require_merge_fields(session, actor, data),
        lambda: _require_stage(session, actor, data["stage"]),
        lambda: _require_one_task(session, actor, data["stage"], template_id),
    )


def _require_merge_fields(session: Session, actor: Actor, data: JsonObject) -> None:
    words = TaskText(data["title"], data["description"])
    if mistakes := template_errors(words, custom_keys=frozenset(definitions_of(session, actor.clinic))):
        raise Invalid(*(FieldError(f"/{name}", problem) for name, problem in mistakes.items()))


def _require_stage(session: Session, actor: Actor, slug: str | None) -> None:
    stage = select(PipelineStage.id).where(
        PipelineStage.clinic_id == actor.clinic.id, PipelineStage.slug == slug, ~PipelineStage.is_terminal
    )
    if slug is not None and session.scalar(stage) is None:
        raise Invalid.at("/stage", "Must be a non-final stage of your clinic.")


def _require_one_task(session: Session, actor: Actor, stage: str | None, template_id: UUID | None) -> None:
    """Check that no rule creates the template's task as a lead enters its stage: there would be two. Raises Invalid."""
    name = select(TaskTemplate.name).where(TaskTemplate.id == template_id, TaskTemplate.clinic_id == actor.clinic.id)
    if stage is None or (known_as := session.scalar(name)) is None:
        return
    of_stage = {"field": "event.stage", "equals": stage}
    twice = select(RuleRow.slug).where(
        RuleRow.clinic_id == actor.clinic.id,
        RuleRow.deleted_at.is_(None),
        RuleRow.definition.contains({"on": "lead.stage_entered", "do": [{"create_task": {"task_template": known_as}}]}),
        RuleRow.definition["when"] == cast([of_stage], JSONB),
        ~RuleRow.definition.has_key("after"),
    )
    if slug := session.scalars(twice.order_by(RuleRow.slug).limit(1)).first():
        raise Invalid.at(
            "/stage", f"The rule “{slug}” creates this task for the leads of the stage: it would be twice."
        )


def _require_unused(session: Session, template: TaskTemplate) -> None:
    """Check that nothing needs the template. Raises TemplateIsInUse, with the names of what needs it."""
    uses = {
        "Change these first": _published(session, template),
        "Leads are still in an earlier version of": enrolled_by_template(session, template.clinic_id, template.name),
        "Planned steps need it, of": _planned(session, template),
    }
    published = set(uses["Change these first"])
    left = {words: sorted(set(names) - published) for words, names in uses.items()}
    left["Change these first"] = sorted(published)
    if said := [f"{words}: {', '.join(names)}." for words, names in left.items() if names]:
        raise TemplateIsInUse(" ".join([str(TemplateIsInUse.__doc__), *said]))


def _published(session: Session, template: TaskTemplate) -> Sequence[str]:
    """Return the names of the published rules and sequences that name the template."""
    found = union_all(
        *(
            select(model.slug)
            .where(model.clinic_id == template.clinic_id, model.deleted_at.is_(None))
            .where(names_template(model.definition, template.name))
            for model in (RuleRow, SequenceRow)
        )
    )
    return session.scalars(found).all()


def _planned(session: Session, template: TaskTemplate) -> Sequence[str]:
    """Return the names of the rules and sequences whose planned steps name it. Those of deleted rules do nothing."""
    of_deleted_rule = exists().where(
        RuleRow.clinic_id == Step.clinic_id,
        RuleRow.deleted_at.is_not(None),
        cast(RuleRow.id, Text) == Step.cause["rule_id"].astext,
    )
    found = select(Step.name).distinct()
    found = found.where(Step.clinic_id == template.clinic_id, Step.kind.in_(_NAMING), Step.state.in_(PENDING))
    return session.scalars(found.where(names_template(Step.params, template.name), ~of_deleted_rule)).all()


def names_template(definition: Any, name: str) -> ColumnElement[bool]:
    """Return the test whether a definition, or the params of a step, name the task template at any depth."""
    path = cast("$.**.task_template ? (@ == $name)", JSONPATH)
    return func.jsonb_path_exists(definition, path, literal({"name": name}, JSONB))


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise TemplateNameTaken from None
