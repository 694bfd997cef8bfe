"""`update_lead`: change tags, score and the clinic's own fields."""

from app.automation.handlers.changes import UpdateLead
from app.automation.handlers.context import StepContext
from app.automation.language.docs.sentences import plain, value
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind, Words
from app.leads.changes import AMENDABLE_FIELDS


def decide(context: StepContext) -> Outcome:
    """Change what differs; a value that is there already sets off no rule."""
    amendment = {name: value for name, value in context.params.items() if name in AMENDABLE_FIELDS}
    return Done(amendment, effects=Effects(changes=(UpdateLead(amendment),)))


def _sentence(change: Settings) -> str:
    said = [f"add the tag {tag}" for tag in change.get("add_tags", ())]
    said += [f"take off the tag {tag}" for tag in change.get("remove_tags", ())]
    said += [f"set the score to {change['score']}"] if "score" in change else []
    said += [f"add {change['add_score']} to the score"] if "add_score" in change else []
    said += [f"note {plain(key)}: {value(wanted)}" for key, wanted in change.get("custom", {}).items()]
    return " and ".join(said).capitalize()


KIND = StepKind(
    name="update_lead",
    decide=decide,
    batch=SMALL_BATCH,
    words=Words(
        _sentence,
        about="Tags, score and the clinic's own fields.",
        example="{add_tags: [hot], remove_tags: [cold], add_score: 10, custom: {visited: true}}",
    ),
)
