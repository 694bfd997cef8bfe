"""Render message templates: validated when they are loaded, rendered in a sandbox, limited in size.

A template consists of text, allowed variables, conditions and a few filters. Loops, calls and arithmetic are refused,
so the length of a message is bounded by its template and its values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.core.validation.validation_errors import Mistake, one_of
from app.messaging.rendering.safe_text import one_line, shortened
from app.messaging.rendering.values import MissingValue, Placeholder, build_context
from app.messaging.rendering.variables import CUSTOM_GROUP, VARIABLES, Values

MAX_TEMPLATE_LENGTH = 10_000  # characters of a template's subject or body
FILTERS = frozenset({"capitalize", "default", "lower", "title", "trim", "upper"})

CustomFieldKeys: TypeAlias = frozenset[str] | None  # keys of the clinic's custom fields; None: any key is valid


class Wording(NamedTuple):
    """Subject and body of a template or of a message. An empty subject means none."""

    subject: str
    body: str


class Limits(NamedTuple):
    """The longest subject and body of a rendered message, in characters."""

    subject: int
    body: int


DEFAULT_LIMITS: Final = Limits(subject=250, body=20_000)


class InvalidTemplate(ValueError):
    """The template has mistakes."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes


class MessageTooLong(ValueError):
    """The body is longer than its channel allows."""


def check_template(subject: str | None, body: str, *, custom_keys: CustomFieldKeys = None) -> list[Mistake]:
    """Return every mistake of a template in reading order; an empty list means that it is valid.

    If `subject` is None, only the body is checked. If `custom_keys` is None, custom fields may have any key.
    """
    subjects = [] if subject is None else _mistakes(subject, "subject", custom_keys)
    return [*subjects, *_mistakes(body, "body", custom_keys)]


def render(
    template: Wording, values: Values, *, limits: Limits = DEFAULT_LIMITS, placeholder: Placeholder | None = None
) -> Wording:
    """Render the message in plain text. The subject is one line, shortened to its limit.

    `placeholder` returns the text for a variable without a value; without it, such a variable raises MissingVariable.
    Raises InvalidTemplate, MissingVariable, MessageTooLong.
    """
    context = build_context(values, placeholder)
    subject = one_line(_render_text(template.subject, "subject", context)) if template.subject else ""
    body = _render_text(template.body, "body", context).strip()
    if len(body) > limits.body:
        raise MessageTooLong(f"the body would have {len(body)} characters, of {limits.body} allowed")
    # A long subject must not stop the message. With the limit 0, the channel has none.
    return Wording(shortened(subject, limits.subject), body)


def _render_text(text: str, place: str, context: Mapping[str, object]) -> str:
    try:
        return _compiled(text, place).render(context)
    except TypeError as error:  # text and a number are compared
        raise InvalidTemplate(Mistake(place, f"cannot be worked out: {error}")) from error


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=MissingValue, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {"defined": environment.tests["defined"]}
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=1024)
def _compiled(text: str, place: str) -> Template:
    """Return the compiled template. The cache key is the text, so an edited template needs no invalidation."""
    if mistakes := _mistakes(text, place):
        raise InvalidTemplate(*mistakes)
    return _ENVIRONMENT.from_string(text)


def parse(text: str) -> nodes.Template:
    """Parse the text with Jinja. Raises TemplateSyntaxError (a text that was not validated)."""
    return _ENVIRONMENT.parse(text)


def field_of(node: nodes.Node) -> str | None:
    """Return the variable's name, such as `lead.first_name`, or None if the node is not a variable."""
    return f"{node.node.name}.{node.attr}" if _is_variable(node) else None  # type: ignore[attr-defined]


def _is_variable(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name)


def _mistakes(text: str, place: str, custom_keys: CustomFieldKeys = None) -> list[Mistake]:
    if not isinstance(text, str) or not text.strip():
        return [Mistake(place, "is missing")]
    if len(text) > MAX_TEMPLATE_LENGTH:
        return [Mistake(place, f"has {len(text)} characters; at most {MAX_TEMPLATE_LENGTH} are allowed")]
    if place == "subject" and ("\n" in text or "\r" in text):
        return [Mistake(place, "must be one line")]
    return [*_mistakes_in(text, place, custom_keys)]


@lru_cache(maxsize=256)
def _mistakes_in(text: str, place: str, custom_keys: CustomFieldKeys) -> Sequence[Mistake]:
    """Return the mistakes in the syntax. Cached, because clinics share most templates through playbooks."""
    try:
        # Compiling evaluates constants, even 9 ** 9 ** 9, so only allowed nodes are compiled.
        mistakes = list(_disallowed(parse(text), place, custom_keys))
        if not mistakes:
            _ENVIRONMENT.compile(text)
    except TemplateSyntaxError as error:
        return [Mistake(place, f"line {error.lineno}: {error.message}")]
    except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:
        return [Mistake(place, f"cannot be read: {type(error).__name__}")]
    return mistakes


_ALLOWED_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Compare,
    nodes.Operand,
    nodes.Filter,
    nodes.Test,
)


def _disallowed(node: nodes.Node, place: str, custom_keys: CustomFieldKeys) -> Iterator[Mistake]:
    """Yield a mistake for each node that is not on the allow-list. Nodes of later Jinja versions are refused."""
    if variable := field_of(node):
        yield from _unknown_variable(variable, node.lineno, place, custom_keys)
    elif isinstance(node, nodes.Name):
        yield from _unknown_variable(node.name, node.lineno, place, custom_keys)
    elif not isinstance(node, _ALLOWED_NODES):
        yield Mistake(place, f"line {node.lineno}: {type(node).__name__.lower()} is not allowed here")
    else:
        for child in node.iter_child_nodes():
            yield from _disallowed(child, place, custom_keys)


_KNOWN_VARIABLES = sorted(f"{group}.{name}" for group, names in VARIABLES.items() for name in names)


_CUSTOM_FIELD = re.compile(CUSTOM_GROUP + r"\.[a-z][a-z0-9_]{0,49}", re.ASCII)


def _unknown_variable(variable: str, line: int, place: str, custom_keys: CustomFieldKeys) -> list[Mistake]:
    if custom_keys is None and _CUSTOM_FIELD.fullmatch(variable):
        return []
    known = [*_KNOWN_VARIABLES, *(f"{CUSTOM_GROUP}.{key}" for key in custom_keys or ())]
    return [Mistake(place, f"line {line}: {mistake.problem}") for mistake in one_of(variable, known, place)]
