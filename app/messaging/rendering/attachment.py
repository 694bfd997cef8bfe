"""Files that a message has."""

import base64
import zlib
from dataclasses import dataclass, field

from app.core.type_aliases import JsonDict, JsonObject


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an e-mail. `content_type` is its media type without parameters; text is in UTF-8."""

    name: str
    content_type: str
    content: bytes = field(repr=False)

    @classmethod
    def from_json(cls, stored: JsonObject) -> "Attachment":
        """Return the attachment that `to_json` returned."""
        return cls(stored["name"], stored["content_type"], zlib.decompress(base64.b64decode(stored["content"])))

    def to_json(self) -> JsonDict:
        """Return the attachment as JSON, its content compressed and in base64."""
        return {
            "name": self.name,
            "content_type": self.content_type,
            "content": base64.b64encode(zlib.compress(self.content)).decode(),
        }
