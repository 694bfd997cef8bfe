"""Templates of messages: checked when they are loaded, rendered in a sandbox, bounded in size.

A template says text, variables of the allow-list, conditions and a few filters. Loops, calls and arithmetic
are refused, so that a message is never longer than its template and its values make it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import Template, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from app.automation.mistakes import Mistake, one_of
from app.notifications.text import one_line
from app.notifications.variables import VARIABLES, Values

LONGEST_TEMPLATE = 10_000  # characters of a subject or a body as it is written
LONGEST_SUBJECT = 250  # characters as it is sent
LONGEST_BODY = 20_000
LONGEST_VALUE = 200  # of a name or a title: strangers type them into forms
FILTERS = frozenset({"capitalize", "default", "lower", "title", "trim", "upper"})


class Wording(NamedTuple):
    """A subject and a body: of a template, or of the message made from it."""

    subject: str
    body: str


class InvalidTemplate(ValueError):
    """The template has mistakes."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes


class MissingVariable(UndefinedError):
    """A template speaks of something this message has no value for."""


class MessageTooLong(ValueError):
    """A body is at most 20,000 characters."""


def check_template(subject: str, body: str) -> list[Mistake]:
    """Every mistake of a template, in the order they are read; none when it can be used."""
    return [*_mistakes(subject, "subject"), *_mistakes(body, "body")]


def render(template: Wording, values: Values) -> Wording:
    """The message in plain text. The subject is one line of at most 250 characters, whatever the values hold.

    Raises InvalidTemplate, MissingVariable (naming the variable) and MessageTooLong.
    """
    context = _context(values)
    subject = one_line(_compiled(template.subject, "subject").render(context))
    body = _compiled(template.body, "body").render(context).strip()
    if len(body) > LONGEST_BODY:
        raise MessageTooLong(f"the body would have {len(body)} characters, of {LONGEST_BODY} allowed")
    return Wording(_shortened(subject), body)


def _shortened(subject: str) -> str:
    # A long title is no reason to say nothing.
    return subject if len(subject) <= LONGEST_SUBJECT else f"{subject[: LONGEST_SUBJECT - 1]}…"


class _Absent(Undefined):
    """No value: a condition that does not hold, and an error to print or to compare."""

    __slots__ = ()
    __str__ = __iter__ = __len__ = __eq__ = __ne__ = __hash__ = Undefined._fail_with_undefined_error  # noqa: SLF001

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None) -> None:
        super().__init__(hint, obj, name, MissingVariable)


_NOTHING = {
    group: {name: _Absent(f"{group}.{name} has no value in this message") for name in names}
    for group, names in VARIABLES.items()
}


def _context(values: Values) -> dict[str, dict[str, object]]:
    return {group: {**absent, **_given(values.get(group, {}))} for group, absent in _NOTHING.items()}


def _given(values: Mapping[str, object]) -> dict[str, object]:
    # A name typed into a public form must not grow into paragraphs of somebody else's message.
    tame: dict[str, object] = {
        name: one_line(str(value))[:LONGEST_VALUE] for name, value in values.items() if value is not None
    }
    return tame


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=_Absent, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
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


def _mistakes(text: str, place: str) -> list[Mistake]:
    if not isinstance(text, str) or not text.strip():
        return [Mistake(place, "is missing")]
    if len(text) > LONGEST_TEMPLATE:
        return [Mistake(place, f"has {len(text)} characters; at most {LONGEST_TEMPLATE} are allowed")]
    if place == "subject" and ("\n" in text or "\r" in text):
        return [Mistake(place, "must be one line")]
    return [*_mistakes_in(text, place)]


@lru_cache(maxsize=256)
def _mistakes_in(text: str, place: str) -> Sequence[Mistake]:
    """Clinics have most of their templates from the same playbooks."""
    try:
        # Compiling computes what is constant, 9 ** 9 ** 9 as well: only what the walk allows gets that far.
        mistakes = list(_refused(_ENVIRONMENT.parse(text), place))
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


def _refused(node: nodes.Node, place: str) -> Iterator[Mistake]:
    """Knows what is allowed: what a later Jinja adds is refused until somebody has thought about it."""
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        yield from _unknown(f"{node.node.name}.{node.attr}", node.lineno, place)
    elif isinstance(node, nodes.Name):
        yield from _unknown(node.name, node.lineno, place)
    elif not isinstance(node, _HARMLESS):
        yield Mistake(place, f"line {node.lineno}: {type(node).__name__.lower()} is not allowed here")
    else:
        for child in node.iter_child_nodes():
            yield from _refused(child, place)


_KNOWN = sorted(f"{group}.{name}" for group, names in VARIABLES.items() for name in names)


def _unknown(variable: str, line: int, place: str) -> list[Mistake]:
    return [Mistake(place, f"line {line}: {mistake.problem}") for mistake in one_of(variable, _KNOWN, place)]
