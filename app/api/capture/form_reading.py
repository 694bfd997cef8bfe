"""Parser for web form submissions: JSON or URL-encoded."""

from collections.abc import Callable
from functools import partial
from typing import Final

from flask import request
from marshmallow import fields
from werkzeug.datastructures import MultiDict

from app.api.capture.form_schemas import Submission
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import InvalidFields, with_errors_of
from app.core.validation.json_pointer import pointer
from app.errors import Invalid
from app.http.body.json_body import read_body

URLENCODED: Final = "application/x-www-form-urlencoded"
MOST_PARTS: Final = 100
CHECKED: Final = frozenset({"on", "true", "1", "yes"})  # values of a ticked checkbox

_READER: Final = Submission()


def read_submission(check: Callable[[JsonObject], object]) -> JsonDict:
    """Return the fields of Submission. If some are invalid, the others are checked as well.

    Raises Invalid, UnsupportedMediaType, Malformed; Flask answers 413.
    """
    try:
        return _READER.read(_given())  # type: ignore[no-any-return]
    except InvalidFields as found:
        raise with_errors_of(partial(check, found.valid), found) from None


def _given() -> JsonDict:
    if request.mimetype != URLENCODED:
        return read_body()  # type: ignore[no-any-return]
    request.max_form_parts = MOST_PARTS
    return _form_to_json(request.form)


def _form_to_json(form: MultiDict[str, str]) -> JsonDict:
    """Convert form fields to JSON values. Empty fields are left out."""
    given: JsonDict = {}
    for name, values in form.lists():
        if isinstance(_READER.fields.get(name), fields.List):
            given[name] = [value for value in values if value]
        elif len(values) > 1:
            raise Invalid.at(pointer(name), "Given more than once.")
        elif values[0]:
            given[name] = values[0].lower() in CHECKED if name == "consent" else values[0].replace("\r\n", "\n")
    return given
