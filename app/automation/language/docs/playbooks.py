"""Page about playbooks, for managers: their use, and each shipped playbook in sentences and diagrams. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from app.automation.language.docs import diagrams, sentences
from app.automation.language.docs.tables import page
from app.core.type_aliases import JsonObject
from app.engine.sequences.sequence import DEFAULT_EXITS

Written = JsonObject

FIRST: Final = "orthodontics"  # the default playbook of a new clinic


class Playbook(Protocol):
    """A playbook without mistakes: its name, and the definitions of its parts."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def stages(self) -> Sequence[Written]: ...
    @property
    def fields(self) -> Sequence[Written]: ...
    @property
    def rules(self) -> Sequence[Written]: ...
    @property
    def sequences(self) -> Sequence[Written]: ...
    @property
    def nurtures(self) -> Sequence[Written]: ...


def playbooks_page(playbooks: Iterable[Playbook]) -> str:
    """Return the whole page, in Markdown: an introduction, and a section for each of these playbooks."""
    ordered = sorted(playbooks, key=lambda one: (one.name != FIRST, one.name))
    sections = [line for playbook in ordered for line in _of_playbook(playbook)]
    return page("playbooks", {}) + "\n".join(sections) + "\n"


def _of_playbook(playbook: Playbook) -> Iterator[str]:
    yield from ("", f"## {playbook.title}: `{playbook.name}`")
    if playbook.description:
        yield from ("", playbook.description)
    yield from _named("Stages that it adds", [stage["name"] for stage in playbook.stages])
    yield from _named("Fields of a lead that it adds", [field["label"] for field in playbook.fields])
    for rule in playbook.rules:
        yield from ("", f"### {rule['name']}", *_description(rule), "", _in_words(rule), "")
        yield from diagrams.of_rule(rule)
    for nurture in playbook.nurtures:
        said = f"Every day {sentences.of_nurture(nurture)} are enrolled in the sequence {nurture['sequence']}."
        yield from ("", f"### {nurture['name']} (a nurture)", "", said, "")
        yield from diagrams.of_nurture(nurture)
    for sequence in playbook.sequences:
        yield from ("", f"### {sequence['name']} (a sequence)", *_description(sequence), "", _of_sequence(sequence), "")
        yield from diagrams.of_sequence(sequence)


def _description(definition: Written) -> Iterator[str]:
    if "description" in definition:
        yield from ("", definition["description"])


def _named(what: str, names: list[str]) -> Iterator[str]:
    if names:
        yield from ("", f"{what}: {', '.join(names)}.")


def _in_words(rule: Written) -> str:
    """Return a rule as one or two sentences."""
    conditions = f", if {sentences.of_conditions(rule['when'])}" if rule.get("when") else ""
    timing = sentences.of_timing(rule) or "at once"
    still = [f"if by then {sentences.of_conditions(rule['only_if'])}"] if rule.get("only_if") else []
    still += [f"unless by then {sentences.of_conditions(rule['unless'])}"] if rule.get("unless") else []
    actions = "; ".join(map(sentences.of_action, rule["do"]))
    when = ", ".join([timing, *still])
    stops = "".join(f" {sentence}" for sentence in sentences.of_rule_stops(rule))
    return f"When {sentences.of_events(rule['on'])}{conditions}: {when}. **{actions}.**{stops}"


def _of_sequence(sequence: Written) -> str:
    """Return how leads are enrolled in a sequence, and what ends it before its last step."""
    exits = sentences.of_stops(sequence.get("exit_on", DEFAULT_EXITS))
    goal = f" Its goal: {sentences.of_stops(sequence['goal'])}." if sequence.get("goal") else ""
    label = f" Meanwhile the lead is tagged “{sequence['label']}”." if "label" in sequence else ""
    return f"When {sentences.of_beginning(sequence)}. It ends early when {exits}.{goal}{label}"
