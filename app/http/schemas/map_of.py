"""Field for an object with any keys."""

from typing import Any

from marshmallow import ValidationError, fields

from app.core.type_aliases import JsonDict


class MapOf(fields.Dict):
    """An object with any keys. An error of a key or of its value points to the member, not to a part of it."""

    def _deserialize(self, value: object, *args: Any, **more: Any) -> Any:
        try:
            return super()._deserialize(value, *args, **more)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            messages: JsonDict = {key: found.get("key") or found["value"] for key, found in error.messages.items()}
            raise ValidationError(messages, valid_data=error.valid_data) from None
