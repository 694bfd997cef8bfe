"""List of the fields that an import can fill, for the user who maps the columns of a file."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.leads.capture.imports.cells import CUSTOM
from app.leads.capture.imports.mapping import FIELD_ALIASES
from app.leads.custom_fields.models import CustomField, FieldType
from app.leads.models import HIGHEST_SCORE


class _Words(NamedTuple):
    label: str
    description: str
    examples: tuple[str, ...]


FIELD_WORDS: Final[Mapping[str, _Words]] = {
    "full_name": _Words("Full name", "First and last name in one column.", ("Ana Ruiz",)),
    "first_name": _Words("First name", "Of the contact.", ("Ana",)),
    "last_name": _Words("Last name", "Of the contact.", ("Ruiz",)),
    "email": _Words("E-mail", "One address.", ("ana@example.org",)),
    "phone": _Words("Phone", "With or without the country code of the clinic.", ("(212) 555-0143", "+12125550143")),
    "phone_alt": _Words("Second phone", "Another number of the contact.", ("+12125550144",)),
    "social_platform": _Words("Social network", "Of the name in that network.", ("INSTAGRAM", "FACEBOOK")),
    "social_handle": _Words("Social media name", "Needs the column of the network.", ("@ana.ruiz",)),
    "patient_first_name": _Words("Patient's first name", "If the patient is another person.", ("Leo",)),
    "patient_last_name": _Words("Patient's last name", "If the patient is another person.", ("Ruiz",)),
    "patient_dob": _Words("Patient's date of birth", "A date.", ("2014-05-31", "5/31/2014")),
    "patient_relationship": _Words("Relationship", "Of the contact to the patient.", ("CHILD", "SELF")),
    "preferred_contact": _Words("Preferred contact", "The channel that the contact prefers.", ("PHONE", "EMAIL")),
    "preferred_time": _Words("Preferred time", "When the contact wants to be called.", ("mornings",)),
    "timezone": _Words("Time zone", "IANA name.", ("America/New_York",)),
    "stage": _Words("Stage", "Name of one of the clinic's open stages; without one, the first stage.", ("Contacted",)),
    "record_id": _Words("Id in the other system", "Kept with the lead, to find it again.", ("251",)),
    "language": _Words("Language", "BCP 47 tag.", ("en", "fr-CA")),
    "address_line1": _Words("Address", "Street and number.", ("1 Main Street",)),
    "address_line2": _Words("Address, second line", "Apartment or suite.", ("Suite 5",)),
    "city": _Words("City", "Town of the address.", ("Springfield",)),
    "state": _Words("State", "State, province or region.", ("IL",)),
    "postal_code": _Words("Postal code", "Zip code.", ("62701",)),
    "source": _Words("Source", "Name of one of the clinic's sources, also of an inactive one.", ("Website",)),
    "source_campaign": _Words("Campaign", "The campaign that brought the lead.", ("spring-2026",)),
    "source_detail": _Words("Source detail", "Such as the name of the person who referred the lead.", ("Dr. Lee",)),
    "treatment_interest": _Words("Treatment", "One or several, with commas.", ("INVISALIGN", "RETAINER, INVISALIGN")),
    "insurance_carrier": _Words("Insurance", "Name of the insurer.", ("Delta Dental",)),
    "insurance_member_id": _Words("Insurance number", "Member id or policy number.", ("DD-1234567",)),
    "notes": _Words("Notes", "Any text.", ("Prefers afternoons",)),
    "assigned_to": _Words(
        "Coordinator",
        "E-mail address or name of a user. If they no longer work on leads, the rules choose.",
        ("eva@clinic.example",),
    ),
    "tags": _Words(
        "Tags", "One or several, with commas. A tag with a comma is in quotes.", ("vip", 'vip, "fair, spring"')
    ),
    "lead_value": _Words("Value", "An amount of money.", ("4500", "4,500.00")),
    "score": _Words("Score", f"A whole number from 0 to {HIGHEST_SCORE}.", ("85",)),
}
_TYPE_WORDS: Final[Mapping[str, str]] = {
    FieldType.TEXT: "Any text.",
    FieldType.NUMBER: "A number.",
    FieldType.BOOLEAN: "Yes or no.",
    FieldType.DATE: "A date.",
    FieldType.CHOICE: "One of the options.",
}


def list_fields(session: Session, actor: Actor) -> list[JsonDict]:
    """Return all fields in the shape of ImportFieldOut: those of every clinic, then the custom fields in use."""
    own = select(CustomField).where(CustomField.clinic_id == actor.clinic.id, ~CustomField.archived)
    custom = session.scalars(own.order_by(CustomField.label, CustomField.id))
    return [_standard(name) for name in FIELD_ALIASES] + [_custom(field) for field in custom]


def _standard(name: str) -> JsonDict:
    words = FIELD_WORDS[name]
    return {"name": name, **words._asdict(), "aliases": FIELD_ALIASES[name], "is_custom": False}


def _custom(field: CustomField) -> JsonDict:
    return {
        "name": f"{CUSTOM}{field.key}",
        "label": field.label,
        "description": _TYPE_WORDS[field.type],
        "examples": field.options,
        "aliases": (),
        "is_custom": True,
    }
