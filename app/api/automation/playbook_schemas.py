"""Request and response schemas for playbooks. The rule language defines the documents."""

from marshmallow import fields

from app.api.automation.warning_schemas import warnings_field
from app.automation.language.playbooks import Playbook
from app.automation.playbooks.shipped import LONGEST_TEXT
from app.http.schemas.fields import Boolean, Integer, Text
from app.http.schemas.model_fields import YamlText
from app.http.schemas.schema import QuerySchema, Schema


class PlaybookOut(Schema):
    """A built-in playbook."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    rules = fields.List(fields.String(), required=True)
    sequences = fields.List(fields.String(), required=True)
    nurtures = fields.List(fields.String(), required=True)
    templates = fields.List(fields.String(), required=True)
    task_templates = fields.List(fields.String(), required=True)
    installed_rules = Integer(required=True, metadata={"description": "Number of its rules that the clinic has."})


class PlaybookDetailOut(PlaybookOut):
    """A playbook with its YAML source."""

    yaml = YamlText(Playbook, LONGEST_TEXT, required=True)


class InstallIn(Schema):
    """How to add the parts of a playbook."""

    dry_run = Boolean(load_default=False, metadata={"description": "Return what would be added; write nothing."})
    is_active = Boolean(
        load_default=True,
        metadata={"description": "False: new rules, sequences and nurtures are inactive until you activate them."},
    )


class ImportedPlaybookIn(InstallIn):
    """A playbook to import."""

    yaml = YamlText(Playbook, LONGEST_TEXT, required=True)


class OverlapOut(Schema):
    """A new rule and an active rule of the clinic that act in the same way on the same event.

    Conditions are not compared. Both rules act on a lead that fulfils the conditions of both.
    """

    rule = fields.String(required=True)
    existing = fields.String(required=True)
    events = fields.List(fields.String(), required=True)
    actions = fields.List(fields.String(), required=True)


class AddedOut(Schema):
    """Names of the parts that were added, or would be in a dry run. Existing parts stay unchanged."""

    stages = fields.List(fields.String(), required=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")
    templates = fields.List(fields.String(), required=True)
    task_templates = fields.List(fields.String(), required=True)
    sequences = fields.List(fields.String(), required=True)
    nurtures = fields.List(fields.String(), required=True)
    rules = fields.List(fields.String(), required=True)
    warnings = warnings_field()
    overlaps = fields.List(fields.Nested(OverlapOut), required=True)


class ExportQuery(QuerySchema):
    """Name of the exported playbook."""

    name = Text(100, least=1, load_default="ours")


class ExportOut(Schema):
    """The clinic's rules, sequences, nurtures and templates as one playbook."""

    yaml = YamlText(Playbook, LONGEST_TEXT, required=True)
