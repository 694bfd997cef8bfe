"""The field `q`, the words of a search."""

from typing import Any, Final

from marshmallow import ValidationError

from app.http.schemas.fields import Text
from app.leads.search.by_text.query import LONGEST_QUERY
from app.security.folded_text import words_of

IN_LEADS: Final = (
    "All words must be in the lead's name, e-mail address or external id, or the digits in a phone number: `ruiz ana`,"
    " `uiz`, `0143`. Accents and capitals do not matter. One or two letters must begin a word, three or more may be"
    " inside it. Use `POST /api/search` where URLs must hold no personal data."
)


class SearchText(Text):
    """Words of a search, with single spaces; at least one letter or digit."""

    def __init__(self, description: str = IN_LEADS, **options: Any) -> None:
        metadata = {"description": description, "examples": ["ana ru"]}
        super().__init__(LONGEST_QUERY, least=1, metadata=metadata, **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        text = " ".join(super()._deserialize(value, *args, **more).split())
        if text and not words_of(text):
            raise ValidationError("Must have at least one letter or digit.")
        return text
