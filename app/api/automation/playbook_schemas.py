"""Request and response schemas for playbooks. The rule language defines the documents."""

from marshmallow import fields

from app.api.automation.warning_schemas import warnings_field
from app.automation.language.playbooks import Playbook
from app.automation.playbooks.shipped import LONGEST_TEXT
from app.http.schemas.fields import Integer, Text
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
    installed_rules = Integer(required=True, metadata={"description": "Number of its rules that the clinic has."})


class PlaybookDetailOut(PlaybookOut):
    """A playbook with its YAML source."""

    yaml = YamlText(Playbook, LONGEST_TEXT, required=True)


class ImportedPlaybookIn(Schema):
    """A playbook to import."""

    yaml = YamlText(Playbook, LONGEST_TEXT, required=True)


class AddedOut(Schema):
    """Names of the parts that were added. Existing parts stay unchanged."""

    stages = fields.List(fields.String(), required=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")
    templates = fields.List(fields.String(), required=True)
    sequences = fields.List(fields.String(), required=True)
    nurtures = fields.List(fields.String(), required=True)
    rules = fields.List(fields.String(), required=True)
    warnings = warnings_field()


class ExportQuery(QuerySchema):
    """Name of the exported playbook."""

    name = Text(100, least=1, load_default="ours")


class ExportOut(Schema):
    """The clinic's rules, sequences, nurtures and templates as one playbook."""

    yaml = YamlText(Playbook, LONGEST_TEXT, required=True)
