"""Sign-ins, people and keys, in and out."""

from marshmallow import fields

from app.http.schemas.fields import Choice, Id, Instant, ListOf, Secret, Text
from app.http.schemas.schema import Schema
from app.identity.permissions import Permission, Scope

LONGEST_PASSWORD = 128
LONGEST_TOKEN = 2000


class LoginIn(Schema):
    """Who signs in."""

    email = Text(254, least=1, required=True, metadata={"format": "email"})
    password = Secret(LONGEST_PASSWORD, required=True, metadata={"format": "password"})


class RefreshIn(Schema):
    """The refresh token of the last login or refresh."""

    refresh_token = Secret(LONGEST_TOKEN, required=True)


class TokensOut(Schema):
    """What to call with, and what to get the next one with."""

    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds the access token is good for."})
    refresh_token = fields.String(required=True, metadata={"description": "Good for one refresh."})


class ClinicOut(Schema):
    """The clinic one works for."""

    id = Id(required=True)
    name = fields.String(required=True)
    timezone = fields.String(required=True, metadata={"description": "IANA name.", "examples": ["Europe/Paris"]})
    region = fields.String(required=True, metadata={"description": "ISO 3166 country."})
    language = fields.String(required=True, metadata={"description": "BCP 47; of its texts.", "examples": ["fr-CA"]})


class MeOut(Schema):
    """Who is calling, and what they may do."""

    id = Id(required=True, allow_none=True, metadata={"description": "The user's; null for an API key."})
    name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    role = fields.String(required=True, allow_none=True)
    team_id = Id(required=True, allow_none=True)
    permissions = fields.List(Choice(Permission), required=True)
    scopes = fields.Dict(
        keys=Choice(Permission),
        values=Choice(Scope),
        required=True,
        metadata={"description": "Of each permission: with whose leads."},
    )
    api_key_id = Id(required=True, allow_none=True)
    clinic = fields.Nested(ClinicOut, required=True)


class ApiKeyIn(Schema):
    """A key for a program."""

    name = Text(100, least=1, required=True, metadata={"examples": ["Website form"]})
    scopes = ListOf(
        Choice(Permission),
        least=1,
        most=len(Permission),
        required=True,
        metadata={"description": "What the key may do: nothing that its maker may not."},
    )
    expires_at = Instant(allow_none=True, load_default=None, metadata={"description": "Null: until revoked."})


class ApiKeyOut(Schema):
    """A key, without its secret."""

    id = Id(required=True)
    name = fields.String(required=True)
    prefix = fields.String(required=True, metadata={"description": "How the key begins."})
    scopes = fields.List(Choice(Permission), required=True)
    created_by = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True)
    last_used_at = Instant(required=True, allow_none=True, metadata={"description": "To the minute or so."})


class NewApiKeyOut(ApiKeyOut):
    """A fresh key: the only time it is shown whole."""

    key = fields.String(required=True, metadata={"examples": ["rk_0123456789_..."]})
