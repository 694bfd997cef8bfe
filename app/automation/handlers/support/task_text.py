"""Texts of tasks that steps create, with merge fields."""

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.messages import values_of
from app.automation.language.types.errors import problem
from app.core.type_aliases import JsonObject
from app.messaging.rendering.render import InvalidTemplate
from app.tasks.templates.rendering import TaskText, fill, template_errors


def task_text(context: StepContext, params: JsonObject) -> TaskText:
    """Return `title` and `description` of the params, with the merge fields filled in.

    A text with mistakes stays as it is: rules that were saved earlier may have one.
    """
    written = TaskText(params["title"], params.get("description"))
    if "{" not in f"{written.title}{written.description}":
        return written
    try:
        return fill(written, values_of(context))
    except InvalidTemplate:
        return written


def check_merge_fields(text: str) -> str:
    """Return a text of a task in a definition. Raises an error of pydantic for a mistake in its merge fields."""
    if mistakes := template_errors(TaskText(text, None)):
        raise problem(mistakes["title"])
    return text
