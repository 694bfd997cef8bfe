"""Guess of the lead field for each column of a file, for the user to correct."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from rapidfuzz import fuzz, process

SURE_ENOUGH: Final = 88  # of 100; a column below this stays unmapped

# Common names of the fields. The field's own name always counts.
FIELD_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "full_name": ("name", "contact", "contact name", "lead", "lead name", "nom complet", "nombre completo"),
    "first_name": ("given name", "forename", "firstname", "vorname", "prenom", "prénom", "nombre"),
    "last_name": ("surname", "family name", "lastname", "nachname", "nom", "nom de famille", "apellido", "apellidos"),
    "email": ("e-mail", "mail", "email address", "courriel", "correo"),
    "phone": ("telephone", "tel", "mobile", "cell", "phone number", "telefon", "téléphone", "teléfono", "móvil"),
    "phone_alt": ("other phone", "second phone", "home phone", "work phone", "phone 2"),
    "social_platform": ("social network", "social media", "platform"),
    "social_handle": ("handle", "social media handle", "username", "user name"),
    "patient_first_name": ("patient given name", "child first name"),
    "patient_last_name": ("patient surname", "child last name"),
    "patient_dob": ("dob", "date of birth", "birthday", "birth date", "geburtsdatum", "date de naissance"),
    "patient_relationship": ("relationship", "relation"),
    "preferred_contact": ("contact by", "preferred channel", "contact preference"),
    "preferred_time": ("best time", "contact time", "when to call"),
    "timezone": ("time zone", "tz"),
    "language": ("lang", "preferred language", "locale", "langue", "sprache", "idioma"),
    "address_line1": ("address", "street", "street address", "adresse", "dirección"),
    "address_line2": ("address 2", "apartment", "suite"),
    "city": ("town", "ville", "ort", "ciudad"),
    "state": ("province", "region", "county"),
    "postal_code": ("zip", "zip code", "postcode", "plz", "code postal", "código postal"),
    "source": ("lead source", "source name", "how did you hear about us", "origin", "heard from"),
    "source_campaign": ("campaign", "utm campaign"),
    "source_detail": ("referrer", "referred by", "source details", "ad"),
    "treatment_interest": ("interest", "treatment", "interested in", "service"),
    "insurance_carrier": ("insurance", "insurer", "carrier"),
    "insurance_member_id": ("member id", "insurance id", "policy number"),
    "notes": ("note", "comment", "comments", "remarks", "message", "concerns"),
    "assigned_to": ("owner", "coordinator", "assignee", "assigned to", "sales rep"),
    "tags": ("tag", "labels", "label"),
    "lead_value": ("value", "deal value", "amount", "budget"),
    "score": ("lead score", "points", "rating"),
}


def guess_mapping(columns: Sequence[str], custom: Collection[str] = ()) -> dict[str, str]:
    """Return the most likely field by column. Unlikely columns are left out; each field appears once.

    `custom`: names of the clinic's custom fields, such as `custom.braces`. They are found by this name only.
    """
    found = [(score, column, field) for column in columns if (match := _best(column)) for field, score in [match]]
    mapping = {column: column for column in columns if column in custom}
    for _, column, field in sorted(found, key=lambda one: -one[0]):
        if field not in mapping.values() and column not in mapping:
            mapping[column] = field
    return {column: mapping[column] for column in columns if column in mapping}


def _best(column: str) -> tuple[str, float] | None:
    plain = _plain(column)
    if plain in _FIELDS:
        return _FIELDS[plain], 100.0
    match = process.extractOne(plain, _FIELDS.keys(), scorer=fuzz.ratio, score_cutoff=SURE_ENOUGH)
    return (_FIELDS[match[0]], match[1]) if match else None


def _plain(words: str) -> str:
    return re.sub(r"[\W_]+", " ", words.lower()).strip()


_FIELDS: Final = {_plain(name): field for field, names in FIELD_ALIASES.items() for name in (field, *names)}
