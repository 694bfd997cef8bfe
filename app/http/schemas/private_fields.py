"""Fields with health data: null for callers without `lead:private`."""

from datetime import date
from typing import Any, Final

from marshmallow import fields

from app.http.access import actor
from app.http.schemas.fields import Day
from app.identity.permissions import Permission

WITHHELD: Final = {"description": "Null for a caller without `lead:private`."}


class PrivateText(fields.String):
    """Text for callers with `lead:private`; null for others."""

    def _serialize(self, value: str | None, *_: object, **__: object) -> str | None:
        return value if actor().allows(Permission.LEAD_PRIVATE) else None


class PrivateTexts(fields.List[Any]):
    """List of texts for callers with `lead:private`; null for others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.String(), **options)

    def _serialize(self, value: Any, *_: object, **__: object) -> list[str] | None:
        return value if actor().allows(Permission.LEAD_PRIVATE) else None


class PrivateDay(Day):
    """Date for callers with `lead:private`; null for others."""

    def _serialize(self, value: date | None, *args: object, **more: object) -> Any:
        return super()._serialize(value, *args, **more) if actor().allows(Permission.LEAD_PRIVATE) else None
