"""Request and response schemas for sign-in, the current user and API keys."""

from marshmallow import fields

from app.http.schemas.fields import Choice, Id, Instant, Integer, ListOf, Secret, Text
from app.http.schemas.schema import Schema
from app.identity.permissions import Permission, Scope
from app.identity.service import LONGEST_SLUG
from app.messaging.user_notices.emergency_access import LONGEST, USUAL

LONGEST_PASSWORD = 128
LONGEST_TOKEN = 2000


class LoginIn(Schema):
    """Credentials of a user."""

    email = Text(254, least=1, required=True, metadata={"format": "email"})
    password = Secret(LONGEST_PASSWORD, required=True, metadata={"format": "password"})
    clinic = Text(
        LONGEST_SLUG,
        least=1,
        metadata={"description": "Slug of the clinic, if accounts of several have this password."},
    )


class RefreshIn(Schema):
    """The refresh token from the last login or refresh."""

    refresh_token = Secret(LONGEST_TOKEN, required=True)


class TokensOut(Schema):
    """An access token for calls, and a refresh token for the next access token."""

    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Lifetime of the access token in seconds."})
    refresh_token = fields.String(required=True, metadata={"description": "Valid for one refresh."})


class AccessOut(Schema):
    """An access token for calls. The refresh token is in the cookie."""

    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Lifetime of the access token in seconds."})


class EmergencyAccessIn(Schema):
    """Reason and duration of an emergency access."""

    reason = Text(500, least=10, required=True, metadata={"examples": ["Patient in pain; her coordinator is away"]})
    minutes = Integer(least=1, most=LONGEST, load_default=USUAL)


class EmergencyAccessOut(Schema):
    """The end of an emergency access."""

    until = Instant(required=True)


class ClinicOut(Schema):
    """The clinic of the caller."""

    id = Id(required=True)
    name = fields.String(required=True)
    timezone = fields.String(required=True, metadata={"description": "IANA name.", "examples": ["Europe/Paris"]})
    region = fields.String(required=True, metadata={"description": "ISO 3166 country."})
    language = fields.String(required=True, metadata={"description": "BCP 47; of its messages.", "examples": ["fr-CA"]})


class MeOut(Schema):
    """The caller and their permissions."""

    id = Id(required=True, allow_none=True, metadata={"description": "Id of the user; null for an API key."})
    name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    role = fields.String(required=True, allow_none=True)
    team_id = Id(required=True, allow_none=True)
    permissions = fields.List(Choice(Permission), required=True)
    scopes = fields.Dict(
        keys=Choice(Permission),
        values=Choice(Scope),
        required=True,
        metadata={"description": "Scope of each permission."},
    )
    api_key_id = Id(required=True, allow_none=True)
    clinic = fields.Nested(ClinicOut, required=True)


class ApiKeyIn(Schema):
    """A new API key."""

    name = Text(100, least=1, required=True, metadata={"examples": ["Website form"]})
    scopes = ListOf(
        Choice(Permission),
        least=1,
        most=len(Permission),
        required=True,
        metadata={"description": "Permissions of the key. You must hold each of them."},
    )
    expires_at = Instant(allow_none=True, load_default=None, metadata={"description": "Null: does not expire."})


class ApiKeyOut(Schema):
    """An API key without its secret."""

    id = Id(required=True)
    name = fields.String(required=True)
    prefix = fields.String(required=True, metadata={"description": "First characters of the key."})
    scopes = fields.List(Choice(Permission), required=True)
    created_by = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True)
    last_used_at = Instant(required=True, allow_none=True, metadata={"description": "Accurate to about a minute."})


class NewApiKeyOut(ApiKeyOut):
    """A new API key. The full key is shown only here."""

    key = fields.String(required=True, metadata={"examples": ["rk_0123456789_..."]})
