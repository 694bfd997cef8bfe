"""Response schemas of the best time to contact a lead."""

from marshmallow import fields

from app.http.schemas.fields import Choice, Instant, Integer
from app.http.schemas.schema import Schema
from app.leads.facts.best_time.estimate import Level, Part, Sureness


class ContactCountsOut(Schema):
    """Calls at an hour, those that reached a person, and answers of leads."""

    tried = Integer(required=True)
    reached = Integer(required=True)
    answers = Integer(required=True)


class BestHourOut(Schema):
    """An hour that is better than the average."""

    part = Choice(Part, required=True, metadata={"description": "Monday to Friday, or Saturday and Sunday."})
    hour = Integer(required=True, metadata={"description": "0 to 23, local.", "examples": [17]})
    chance = fields.Float(required=True, metadata={"description": "To reach a person, 0 to 1.", "examples": [0.58]})
    sureness = Choice(
        Sureness, required=True, metadata={"description": "That it is above the average: `sure` 95 %, `likely` 80 %."}
    )
    lead = fields.Nested(ContactCountsOut, required=True)
    source = fields.Nested(ContactCountsOut, required=True)
    clinic = fields.Nested(ContactCountsOut, required=True)
    words = fields.String(required=True)


class BestTimeOut(Schema):
    """The best hours to contact a lead, the best first."""

    is_known = fields.Boolean(required=True, metadata={"description": "False: no hour is likely better than others."})
    words = fields.String(
        required=True,
        metadata={"examples": ["Best on weekdays from 17:00 to 18:00, by the contacts of leads of its source: …"]},
    )
    timezone = fields.String(required=True, metadata={"description": "Of the lead, else of the clinic."})
    level = Choice(Level, required=True, metadata={"description": "Narrowest group with enough contacts."})
    average = fields.Float(required=True, metadata={"description": "Chance at any hour, of the clinic."})
    contacts = Integer(required=True, metadata={"description": "Contacts of the clinic in the past year."})
    hours = fields.List(fields.Nested(BestHourOut), required=True)
    next_at = Instant(
        required=True, metadata={"description": "Next best hour in opening hours; the next opening if none is known."}
    )
