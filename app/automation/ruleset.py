"""A clinic's active rules, read once for each version of them; those that enroll into its sequences among them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.clinic import ClinicContext
from app.automation.models import Rule
from app.automation.rules import RuleSet, read_rule
from app.automation.sequence_texts import sequences_of
from app.automation.versions import once_for_each_version


@once_for_each_version
def rules_of(session: Session, clinic: ClinicContext) -> RuleSet:
    """By the event that they listen to."""
    columns = (Rule.id, Rule.definition, Rule.published)
    rows = session.execute(select(*columns).where(Rule.clinic_id == clinic.id, Rule.active).order_by(Rule.id))
    rules = [read_rule(row.definition, id=row.id, version=row.published or 1) for row in rows]
    triggers = [one.trigger for one in sequences_of(session, clinic).switched_on if one.trigger]
    return RuleSet.of([*rules, *triggers])
