"""Guess of the lead field for each column of a file, for the user to correct."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from rapidfuzz import fuzz, process

SURE_ENOUGH: Final = 88  # of 100; a column below this stays unmapped

# Common names of the fields. The field's own name always counts.
FIELD_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "full_name": (
        *("name", "contact", "contact name", "lead", "lead name", "full name", "nom complet", "nombre completo"),
        *("person name", "persona nombre", "personne nom", "pessoa nome"),  # Pipedrive
    ),
    "first_name": ("given name", "forename", "firstname", "vorname", "prenom", "prénom", "nombre"),
    "last_name": ("surname", "family name", "lastname", "nachname", "nom", "nom de famille", "apellido", "apellidos"),
    "email": (
        *(
            "e-mail",
            "mail",
            "email address",
            "courriel",
            "correo",
            "correo electrónico",
            "adresse e-mail",
            "e-mail-adresse",
        ),
        *("person email", "person e-mail", "person email work", "person email home", "person email other"),
        *("persona correo electrónico", "personne e-mail", "pessoa e-mail"),
    ),
    "phone": (
        *("telephone", "tel", "mobile", "cell", "phone number", "telefon", "téléphone", "teléfono", "móvil"),
        *("telefonnummer", "numéro de téléphone", "número de teléfono", "telefone"),
        *("person phone", "person phone mobile", "person phone work", "person telefon", "persona teléfono"),
        *("personne téléphone", "pessoa telefone"),
    ),
    "phone_alt": (
        *("other phone", "second phone", "home phone", "work phone", "phone 2", "mobile phone number", "mobile phone"),
        *("person phone home", "person phone other", "handynummer", "numéro de téléphone mobile", "número de móvil"),
    ),
    "social_platform": ("social network", "social media", "platform"),
    "social_handle": ("handle", "social media handle", "username", "user name"),
    "patient_first_name": ("patient given name", "child first name"),
    "patient_last_name": ("patient surname", "child last name"),
    "patient_dob": ("dob", "date of birth", "birthday", "birth date", "geburtsdatum", "date de naissance"),
    "patient_relationship": ("relationship", "relation"),
    "preferred_contact": ("contact by", "preferred channel", "contact preference"),
    "preferred_time": ("best time", "contact time", "when to call"),
    "timezone": ("time zone", "tz"),
    "stage": (
        *("deal stage", "lead status", "lifecycle stage", "contact stage", "status of the lead", "leadstatus"),
        *("lifecycle-phase", "deal phase", "phase du deal", "affaire étape", "trato etapa", "negócio etapa"),
        *("statut du lead", "estado del lead", "phase du cycle de vie", "etapa del ciclo de vida"),
    ),
    "record_id": (
        *("record id", "lead id", "contact id", "person id", "deal id", "datensatz-id", "lead-id", "persona id"),
        *("id de registro", "id de fiche d'informations", "personne id", "pessoa id", "id du lead", "id del lead"),
    ),
    "language": ("lang", "preferred language", "locale", "langue", "sprache", "idioma"),
    "address_line1": ("address", "street", "street address", "adresse", "dirección"),
    "address_line2": ("address 2", "apartment", "suite"),
    "city": ("town", "ville", "ort", "ciudad"),
    "state": ("province", "region", "county", "state/region", "state/province", "bundesland"),
    "postal_code": (
        "zip",
        "zip code",
        "zip/postal code",
        "postcode",
        "postleitzahl",
        "plz",
        "code postal",
        "código postal",
    ),
    "source": (
        "lead source",
        "lead-quelle",
        "leadquelle",
        "source du lead",
        "fuente del lead",
        "source name",
        "how did you hear about us",
        "origin",
        "heard from",
    ),
    "source_campaign": ("campaign", "utm campaign"),
    "source_detail": ("referrer", "referred by", "source details", "ad"),
    "treatment_interest": ("interest", "treatment", "interested in", "service"),
    "insurance_carrier": ("insurance", "insurer", "carrier"),
    "insurance_member_id": ("member id", "insurance id", "policy number"),
    "notes": ("note", "comment", "comments", "remarks", "message", "concerns", "description", "beschreibung"),
    "assigned_to": (
        *("owner", "coordinator", "assignee", "assigned to", "sales rep", "record owner", "owner name"),
        *(
            "lead owner",
            "contact owner",
            "person owner",
            "deal owner",
            "lead-inhaber",
            "kontaktinhaber",
            "deal inhaber",
        ),
        *("zuständiger mitarbeiter", "propriétaire du contact", "propriétaire du lead", "affaire propriétaire"),
        *("propietario del contacto", "propietario del lead", "trato propietario", "negócio proprietário"),
    ),
    "tags": ("tag", "labels", "label", "person labels", "person label"),
    "lead_value": (
        *("value", "deal value", "lead value", "amount", "budget"),
        *("deal wert", "affaire valeur", "trato valor", "negócio valor"),
    ),
    "score": ("lead score", "points", "hubspot score", "contact score"),
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
    if plain.startswith(_OTHER):
        return None
    match = process.extractOne(plain, _FIELDS.keys(), scorer=fuzz.ratio, score_cutoff=SURE_ENOUGH)
    return (_FIELDS[match[0]], match[1]) if match else None


def _plain(words: str) -> str:
    return re.sub(r"[\W_]+", " ", words.lower()).strip()


# A column of these words means something else, though its name is alike: of a company, or of other words than numbers.
_OTHER: Final = ("organization", "organisation", "organización", "rating")
_FIELDS: Final = {_plain(name): field for field, names in FIELD_ALIASES.items() for name in (field, *names)}
