"""Templates of messages: checked when they are loaded, rendered in a sandbox, bounded in size.

A template says text, variables of the allow-list, conditions and a few filters. Loops, calls and arithmetic
are refused, so that a message is never longer than its template and its values make it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.core.validation.mistakes import Mistake, one_of
from app.messaging.rendering.safe_text import one_line
from app.messaging.rendering.values import Absent, Gap, context_of
from app.messaging.rendering.variables import OWN, VARIABLES, Values

LONGEST_TEMPLATE = 10_000  # characters of a subject or a body as it is written
FILTERS = frozenset({"capitalize", "default", "lower", "title", "trim", "upper"})

OwnFields: TypeAlias = frozenset[str] | None  # the keys of a clinic's own fields; None: nobody knows them here


class Wording(NamedTuple):
    """A subject and a body: of a template, or of the message made from it. An empty subject is none."""

    subject: str
    body: str


class Limits(NamedTuple):
    """The longest subject and the longest body of a message as it is sent, in characters."""

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


def check_template(subject: str | None, body: str, *, own: OwnFields = None) -> list[Mistake]:
    """Every mistake of a template, in the order they are read; none when it can be used.

    Without a subject only the body is looked at; unless `own` is known, a clinic's own fields may have any key.
    """
    subjects = [] if subject is None else _mistakes(subject, "subject", own)
    return [*subjects, *_mistakes(body, "body", own)]


def render(template: Wording, values: Values, *, limits: Limits = DEFAULT_LIMITS, gap: Gap | None = None) -> Wording:
    """The message in plain text. The subject is one line, shortened to its limit, whatever the values hold.

    Where a variable has no value, that is what `gap` says of it. Raises InvalidTemplate, MissingVariable (only without
    a gap) and MessageTooLong.
    """
    context = context_of(values, gap)
    subject = one_line(_said(template.subject, "subject", context)) if template.subject else ""
    body = _said(template.body, "body", context).strip()
    if len(body) > limits.body:
        raise MessageTooLong(f"the body would have {len(body)} characters, of {limits.body} allowed")
    return Wording(_shortened(subject, limits.subject), body)


def _said(text: str, place: str, context: Mapping[str, object]) -> str:
    try:
        return _compiled(text, place).render(context)
    except TypeError as error:  # text and a number are compared
        raise InvalidTemplate(Mistake(place, f"cannot be worked out: {error}")) from error


def _shortened(subject: str, longest: int) -> str:
    # A long title is no reason to say nothing.
    return subject if len(subject) <= longest else f"{subject[: longest - 1]}…"


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=Absent, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {"defined": environment.tests["defined"]}
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=1024)
def _compiled(text: str, place: str) -> Template:
    """Keyed by the text: a clinic that edits its template needs no invalidation."""
    if mistakes := _mistakes(text, place):
        raise InvalidTemplate(*mistakes)
    return _ENVIRONMENT.from_string(text)


def parse(text: str) -> nodes.Template:
    """The text as Jinja reads it. Raises TemplateSyntaxError, for what was never checked."""
    return _ENVIRONMENT.parse(text)


def field_of(node: nodes.Node) -> str | None:
    """`lead.first_name`, where the node stands for a variable."""
    return f"{node.node.name}.{node.attr}" if _is_variable(node) else None  # type: ignore[attr-defined]


def _is_variable(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name)


def _mistakes(text: str, place: str, own: OwnFields = None) -> list[Mistake]:
    if not isinstance(text, str) or not text.strip():
        return [Mistake(place, "is missing")]
    if len(text) > LONGEST_TEMPLATE:
        return [Mistake(place, f"has {len(text)} characters; at most {LONGEST_TEMPLATE} are allowed")]
    if place == "subject" and ("\n" in text or "\r" in text):
        return [Mistake(place, "must be one line")]
    return [*_mistakes_in(text, place, own)]


@lru_cache(maxsize=256)
def _mistakes_in(text: str, place: str, own: OwnFields) -> Sequence[Mistake]:
    """Clinics have most of their templates from the same playbooks."""
    try:
        # Compiling computes what is constant, 9 ** 9 ** 9 as well: only what the walk allows gets that far.
        mistakes = list(_refused(parse(text), place, own))
        if not mistakes:
            _ENVIRONMENT.compile(text)
    except TemplateSyntaxError as error:
        return [Mistake(place, f"line {error.lineno}: {error.message}")]
    except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:
        return [Mistake(place, f"cannot be read: {type(error).__name__}")]
    return mistakes


_HARMLESS = (
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


def _refused(node: nodes.Node, place: str, own: OwnFields) -> Iterator[Mistake]:
    """Knows what is allowed: what a later Jinja adds is refused until somebody has thought about it."""
    if variable := field_of(node):
        yield from _unknown(variable, node.lineno, place, own)
    elif isinstance(node, nodes.Name):
        yield from _unknown(node.name, node.lineno, place, own)
    elif not isinstance(node, _HARMLESS):
        yield Mistake(place, f"line {node.lineno}: {type(node).__name__.lower()} is not allowed here")
    else:
        for child in node.iter_child_nodes():
            yield from _refused(child, place, own)


_KNOWN = sorted(f"{group}.{name}" for group, names in VARIABLES.items() for name in names)


_OWN = re.compile(rf"{OWN}\.[a-z][a-z0-9_]{{0,49}}", re.ASCII)


def _unknown(variable: str, line: int, place: str, own: OwnFields) -> list[Mistake]:
    if own is None and _OWN.fullmatch(variable):
        return []
    known = [*_KNOWN, *(f"{OWN}.{key}" for key in own or ())]
    return [Mistake(place, f"line {line}: {mistake.problem}") for mistake in one_of(variable, known, place)]
