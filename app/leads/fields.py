"""The fields of a lead that users write, each declared once.

Requests and responses of the API, imports, exports and the access to private fields read these declarations. A field
that needs code of its own, such as a phone number, has it beside the reader that needs it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.core.validation.plain_values import LONGEST_EMAIL
from app.leads.enums import PatientRelationship, PreferredContact, SocialPlatform, TreatmentInterest

HIGHEST_SCORE: Final = 100
LONGEST_NOTE: Final = 5000
LONGEST_CAMPAIGN: Final = 200
MOST_TAGS: Final = 20
LONGEST_TAG: Final = 50  # also of a task
LONGEST_EXTERNAL_ID: Final = 200
CUSTOM_PREFIX: Final = "custom."  # of the names of custom fields, before the key


class Form(StrEnum):
    """The forms of values."""

    TEXT = "text"
    LINES = "lines"  # text of several lines
    EMAIL = "email"
    DAY = "date"  # of custom fields only
    PAST_DAY = "past_date"
    CHOICE = "choice"
    CHOICES = "choices"
    MONEY = "amount"
    WHOLE = "integer"
    NUMBER = "number"  # of custom fields only
    TRUTH = "boolean"  # of custom fields only
    ID = "id"
    ZONE = "timezone"
    LANGUAGE = "language"
    TAGS = "tags"
    CUSTOM = "custom"  # the values of custom fields, by key


class Merged(StrEnum):
    """How a merge handles a value of the two leads."""

    OWN = "own"  # the survivor's stays; `because` has the reason
    FILLED = "filled"  # the survivor's, if it has one, else the duplicate's
    WITH_NAME = "with_name"  # the duplicate's, if the survivor's name is unknown
    UNITED = "united"  # both lists
    JOINED = "joined"  # both texts
    EARLIEST = "earliest"
    LATEST = "latest"
    COMPUTED = "computed"  # by `duplicates.merge` or `merge_fields`


@dataclass(frozen=True, slots=True)
class Kind:
    """The form of a value with its limits: characters of a text, the highest number, or the options.

    `own_options` are those of a custom field.
    """

    form: Form
    most: int = 0
    least: int = 0
    options: type[StrEnum] | None = None
    own_options: tuple[str, ...] = ()


def text(most: int, *, least: int = 0) -> Kind:
    """Return the kind of a text of one line, of `least` to `most` characters."""
    return Kind(Form.TEXT, most, least)


def choice(options: type[StrEnum]) -> Kind:
    """Return the kind of one of the options."""
    return Kind(Form.CHOICE, options=options)


def words(listed: str) -> tuple[str, ...]:
    """Return the words of a text that separates them by ` | `."""
    return tuple(listed.split(" | "))


@dataclass(frozen=True, slots=True)
class FormInput:
    """The input of a field in web forms: its label, if it differs, its HTML `autocomplete` and `type`."""

    label: str = ""
    autocomplete: str = "off"
    type: str = "text"  # of texts of one line; other kinds have their own


@dataclass(frozen=True, slots=True)
class RuleFact:
    """A field in conditions of rules: what it is, for users, and its name there, if it differs."""

    about: str
    name: str = ""
    is_set: bool = False  # every lead has a value


@dataclass(frozen=True, slots=True)
class TemplateValue:
    """A field in templates: its name there, and a sample for previews, if that is not the first example."""

    name: str
    sample: str = ""


@dataclass(frozen=True, slots=True)
class LeadField:
    """One field.

    `label`, `description` and `examples` are for users, also `description` in the API. `headings` are common headings
    of the field's column in files, besides its name. `is_nullable`: it may have no value. `is_private`: callers need
    `lead:private` to read or write it (lead-management.md, "PHI"). `is_required`: a new lead needs it.
    `is_column`: false for what only an import reads. `is_imported`: a column of a file may fill it. `is_encrypted`: it
    is stored encrypted. `is_logged`: logs may show values under its name, because they say nothing about a person, or
    because other parts use the name too, such as `state`. `form`: its input, if web forms may have the field.
    `condition`: what it is in conditions, if rules may test it. `template`: its name in templates, if they may show it.
    `is_in_webhooks`: calls of webhooks with the lead have it. `default`: the value of a new lead that has none.
    `merged`: the value of a merged lead. `erased_to`: SQL of the value after an erasure.
    """

    name: str
    kind: Kind
    label: str
    description: str = ""
    examples: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    is_nullable: bool = True
    is_required: bool = False
    is_private: bool = False
    is_column: bool = True
    is_imported: bool = True
    is_encrypted: bool = False
    is_logged: bool = False
    form: FormInput | None = None
    condition: RuleFact | None = None
    template: TemplateValue | None = None
    is_in_webhooks: bool = False
    default: object = None
    merged: Merged = Merged.FILLED
    erased_to: str = "NULL"

    def __post_init__(self) -> None:
        """Refuse a private field where others would see it: in `/why`, in messages, in other systems."""
        if self.is_private and (self.condition or self.template or self.is_in_webhooks):
            raise ValueError(f"{self.name} is private: no condition, template or webhook may use it")

    @property
    def fact(self) -> str:
        """The field's name in conditions: `value` in `lead.value`."""
        return (self.condition and self.condition.name) or self.name


FIELDS: Final = (
    LeadField(
        "full_name",
        text(200),
        "Full name",
        "First and last name in one column.",
        examples=("Ana Ruiz",),
        headings=words(
            "name | contact | contact name | lead | lead name | full name | nom complet | nombre completo | "
            "person name | persona nombre | personne nom | pessoa nome | nome completo | vollständiger name"
        ),
        is_column=False,
    ),
    LeadField(
        "first_name",
        text(100, least=1),
        "First name",
        "Of the contact, who answers for the patient.",
        examples=("Ana",),
        headings=words("given name | forename | firstname | fname | vorname | prenom | prénom | nombre"),
        is_nullable=False,
        is_required=True,
        merged=Merged.WITH_NAME,
        erased_to="'Erased'",
        form=FormInput(autocomplete="given-name"),
        template=TemplateValue("lead.first_name"),
        is_in_webhooks=True,
    ),
    LeadField(
        "last_name",
        text(100, least=1),
        "Last name",
        "Of the contact.",
        examples=("Ruiz",),
        headings=words(
            "surname | family name | lastname | lname | nachname | familienname | nom | nom de famille | apellido | "
            "apellidos | cognome | sobrenome"
        ),
        is_nullable=False,
        is_required=True,
        merged=Merged.WITH_NAME,
        erased_to="''",
        form=FormInput(autocomplete="family-name"),
        template=TemplateValue("lead.last_name"),
        is_in_webhooks=True,
    ),
    LeadField(
        "email",
        Kind(Form.EMAIL, LONGEST_EMAIL),
        "E-mail",
        "One address.",
        examples=("ana@example.org",),
        headings=words(
            "e-mail | mail | email address | courriel | correo | correo electrónico | adresse e-mail | "
            "e-mail-adresse | person email | person e-mail | person email work | person email home | person email "
            "other | persona correo electrónico | personne e-mail | pessoa e-mail"
        ),
        is_encrypted=True,
        form=FormInput("E-mail address", autocomplete="email"),
        condition=RuleFact("Its e-mail address."),
        is_in_webhooks=True,
    ),
    LeadField(
        "phone",
        text(50),
        "Phone",
        "Stored as E.164. A number without a country code belongs to the clinic's country.",
        examples=(
            "(212) 555-0143",
            "+12125550143",
        ),
        headings=words(
            "wireless phone | wirelessphone | "
            "telephone | tel | mobile | cell | phone number | telefon | téléphone | teléfono | móvil | "
            "telefonnummer | numéro de téléphone | número de teléfono | telefone | person phone | person phone "
            "mobile | person phone work | person telefon | persona teléfono | personne téléphone | pessoa "
            "telefone"
        ),
        is_encrypted=True,
        form=FormInput(autocomplete="tel", type="tel"),
        condition=RuleFact("Its phone number."),
        is_in_webhooks=True,
    ),
    LeadField(
        "phone_alt",
        text(50),
        "Second phone",
        "Another number of the contact.",
        examples=("+12125550144",),
        headings=words(
            "other phone | second phone | home phone | work phone | phone 2 | mobile phone number | mobile phone "
            "| person phone home | person phone other | handynummer | handy | mobilnummer | mobiltelefon | "
            "numéro de téléphone mobile | téléphone portable | portable | número de móvil | teléfono móvil | celular | "
            "teléfono celular | cellulare | telemóvel | hmphone | wkphone"
        ),
        is_encrypted=True,
        merged=Merged.COMPUTED,
        is_in_webhooks=True,
    ),
    LeadField(
        "social_platform",
        choice(SocialPlatform),
        "Social network",
        "Of the name in that network.",
        examples=(
            "INSTAGRAM",
            "FACEBOOK",
        ),
        headings=words("social network | social media | platform"),
        condition=RuleFact("The social network that it came from."),
    ),
    LeadField(
        "social_handle",
        text(100),
        "Social media name",
        "Needs the column of the network.",
        examples=("@ana.ruiz",),
        headings=words("handle | social media handle | username | user name"),
    ),
    LeadField(
        "patient_first_name",
        text(100, least=1),
        "Patient's first name",
        "If the patient is another person.",
        examples=("Leo",),
        headings=words("patient given name | child first name"),
        is_nullable=False,
        merged=Merged.WITH_NAME,
        erased_to="'Erased'",
        template=TemplateValue("patient.first_name"),
    ),
    LeadField(
        "patient_last_name",
        text(100, least=1),
        "Patient's last name",
        "If the patient is another person.",
        examples=("Ruiz",),
        headings=words("patient surname | child last name"),
        is_nullable=False,
        merged=Merged.WITH_NAME,
        erased_to="''",
    ),
    LeadField(
        "patient_dob",
        Kind(Form.PAST_DAY),
        "Patient's date of birth",
        "A date.",
        examples=(
            "2014-05-31",
            "5/31/2014",
        ),
        headings=words(
            "dob | date of birth | birthday | birth date | geburtsdatum | geburtstag | date de naissance | fecha de "
            "nacimiento | data di nascita | data de nascimento"
        ),
        is_private=True,
        is_encrypted=True,
    ),
    LeadField(
        "patient_relationship",
        choice(PatientRelationship),
        "Relationship",
        "Of the contact to the patient.",
        examples=(
            "CHILD",
            "SELF",
        ),
        headings=words("relationship | relation"),
        is_nullable=False,
        merged=Merged.WITH_NAME,
        erased_to="'SELF'",
        default=PatientRelationship.SELF,
    ),
    LeadField(
        "preferred_contact",
        choice(PreferredContact),
        "Preferred contact",
        "The channel that the contact prefers.",
        examples=(
            "PHONE",
            "EMAIL",
        ),
        headings=words("contact by | preferred channel | contact preference"),
        is_nullable=False,
        erased_to="'PHONE'",
        form=FormInput(),
        condition=RuleFact("Its preferred way of contact."),
        is_in_webhooks=True,
        default=PreferredContact.PHONE,
    ),
    LeadField(
        "preferred_time",
        text(100),
        "Preferred time",
        "When the contact wants to be called.",
        examples=("mornings",),
        headings=words("best time | contact time | when to call"),
        form=FormInput(),
    ),
    LeadField(
        "timezone",
        Kind(Form.ZONE),
        "Time zone",
        "IANA name.",
        examples=("America/New_York",),
        headings=words("time zone | tz"),
        is_logged=True,
        condition=RuleFact("Its time zone, such as America/New_York."),
        is_in_webhooks=True,
    ),
    LeadField(
        "stage",
        text(200),
        "Stage",
        "Name of one of the clinic's open stages; without one, the first stage. The notes keep a name that is unknown.",
        examples=("Contacted",),
        headings=words(
            "deal stage | lead status | lifecycle stage | contact stage | status of the lead | leadstatus | "
            "lifecycle-phase | deal phase | phase du deal | affaire étape | trato etapa | negócio etapa | statut "
            "du lead | estado del lead | phase du cycle de vie | etapa del ciclo de vida | étape | etapa | phase | fase"
        ),
        is_column=False,
        is_logged=True,
    ),
    LeadField(
        "record_id",
        text(LONGEST_EXTERNAL_ID),
        "Id in the other system",
        "Kept with the lead, to find it again.",
        examples=("251",),
        headings=words(
            "record id | lead id | contact id | person id | deal id | datensatz-id | lead-id | persona id | id de "
            "registro | id de fiche d'informations | personne id | pessoa id | id du lead | id del lead | patnum"
        ),
        is_column=False,
    ),
    LeadField(
        "language",
        Kind(Form.LANGUAGE),
        "Language",
        "BCP 47 tag: the language of messages.",
        examples=(
            "en",
            "fr-CA",
        ),
        headings=words("lang | preferred language | locale | langue | sprache | idioma"),
        is_logged=True,
        condition=RuleFact("The language of its messages, such as fr-CA."),
        is_in_webhooks=True,
    ),
    LeadField(
        "address_line1",
        text(200),
        "Address",
        "Street and number.",
        examples=("1 Main Street",),
        headings=words("address | street | street address | adresse | dirección | straße"),
    ),
    LeadField(
        "address_line2",
        text(200),
        "Address, second line",
        "Apartment or suite.",
        examples=("Suite 5",),
        headings=words("address 2 | apartment | suite"),
    ),
    LeadField(
        "city",
        text(100),
        "City",
        "Town of the address.",
        examples=("Springfield",),
        headings=words("town | ville | ort | stadt | ciudad"),
        form=FormInput(autocomplete="address-level2"),
        condition=RuleFact("Its city."),
        is_in_webhooks=True,
    ),
    LeadField(
        "state",
        text(100),
        "State",
        "State, province or region.",
        examples=("IL",),
        headings=words("province | region | county | state/region | state/province | bundesland"),
        is_logged=True,
        condition=RuleFact("Its state or region."),
        is_in_webhooks=True,
    ),
    LeadField(
        "postal_code",
        text(20),
        "Postal code",
        "Zip code.",
        examples=("62701",),
        headings=words(
            "zip | zip code | zip/postal code | postcode | postleitzahl | plz | code postal | código postal"
        ),
        form=FormInput(autocomplete="postal-code"),
        condition=RuleFact("Its postal code."),
        is_in_webhooks=True,
    ),
    LeadField(
        "source",
        text(200),
        "Source",
        "Name of one of the clinic's sources, also of an inactive one.",
        examples=("Website",),
        headings=words(
            "lead source | lead-quelle | leadquelle | source du lead | fuente del lead | source name | how did "
            "you hear about us | origin | heard from | quelle | herkunft | origen | fuente | origine | origem"
        ),
        is_column=False,
        is_logged=True,
    ),
    LeadField(
        "source_campaign",
        text(LONGEST_CAMPAIGN),
        "Campaign",
        "The campaign that brought the lead.",
        examples=("spring-2026",),
        headings=words("campaign | utm campaign"),
        is_in_webhooks=True,
    ),
    LeadField(
        "source_detail",
        text(500),
        "Source detail",
        "Such as the name of the person who referred the lead.",
        examples=("Dr. Lee",),
        headings=words("referrer | referred by | source details | ad"),
    ),
    LeadField(
        "treatment_interest",
        Kind(Form.CHOICES, options=TreatmentInterest),
        "Treatment",
        "One or several, with commas.",
        examples=(
            "INVISALIGN",
            "RETAINER, INVISALIGN",
        ),
        headings=words("interest | treatment | interested in | service"),
        is_nullable=False,
        merged=Merged.UNITED,
        erased_to="'{}'",
        form=FormInput("Treatment interest"),
        condition=RuleFact("The treatments that it is interested in."),
        default=[],
    ),
    LeadField(
        "insurance_carrier",
        text(100),
        "Insurance",
        "Name of the insurer.",
        examples=("Delta Dental",),
        headings=words("insurance | insurer | carrier"),
        is_private=True,
        is_encrypted=True,
    ),
    LeadField(
        "insurance_member_id",
        text(100),
        "Insurance number",
        "Member id or policy number.",
        examples=("DD-1234567",),
        headings=words("member id | insurance id | policy number"),
        is_private=True,
        is_encrypted=True,
    ),
    LeadField(
        "notes",
        Kind(Form.LINES, LONGEST_NOTE),
        "Notes",
        "Any text.",
        examples=("Prefers afternoons",),
        headings=words(
            "note | comment | comments | remarks | message | concerns | description | beschreibung | bemerkung | "
            "bemerkungen | notiz | notizen | kommentar | anmerkungen | remarque | remarques | commentaire | "
            "commentaires | notas | observaciones | comentarios | observações"
        ),
        is_private=True,
        is_encrypted=True,
        merged=Merged.JOINED,
        form=FormInput("Your message"),
    ),
    LeadField(
        "assigned_to",
        text(200),
        "Coordinator",
        "E-mail address or name of a user. If they no longer work on leads, the rules choose.",
        examples=("eva@clinic.example",),
        headings=words(
            "owner | coordinator | assignee | assigned to | sales rep | record owner | owner name | lead owner | "
            "contact owner | person owner | deal owner | lead-inhaber | kontaktinhaber | deal inhaber | "
            "zuständiger mitarbeiter | propriétaire du contact | propriétaire du lead | affaire propriétaire | "
            "propietario del contacto | propietario del lead | trato propietario | negócio proprietário | zuständig | "
            "verantwortlich | inhaber | propriétaire | propietario | responsable | proprietario | proprietário"
        ),
        is_column=False,
    ),
    LeadField(
        "tags",
        Kind(Form.TAGS, MOST_TAGS),
        "Tags",
        "One or several, with commas. A tag with a comma is in quotes.",
        examples=(
            "vip",
            'vip, "fair, spring"',
        ),
        headings=words("tag | labels | label | person labels | person label"),
        is_nullable=False,
        merged=Merged.UNITED,
        erased_to="'{}'",
        condition=RuleFact("Its tags."),
        is_in_webhooks=True,
        default=[],
    ),
    LeadField(
        "lead_value",
        Kind(Form.MONEY),
        "Value",
        "An amount of money.",
        examples=(
            "4500",
            "4,500.00",
        ),
        headings=words(
            "value | deal value | lead value | amount | budget | deal wert | affaire valeur | trato valor | "
            "negócio valor"
        ),
        condition=RuleFact("Its value in the clinic's currency.", name="value"),
        template=TemplateValue("lead.value", sample="4800.00"),
        is_in_webhooks=True,
    ),
    LeadField(
        "score",
        Kind(Form.WHOLE, HIGHEST_SCORE),
        "Score",
        f"0 to {HIGHEST_SCORE}; higher is more promising.",
        examples=("85",),
        headings=words("lead score | points | hubspot score | contact score"),
        is_logged=True,
        condition=RuleFact(f"Its score, 0 to {HIGHEST_SCORE}.", is_set=True),
        is_in_webhooks=True,
    ),
    LeadField(
        "source_id",
        Kind(Form.ID),
        "Source",
        "One of the clinic's sources.",
        is_nullable=False,
        is_required=True,
        is_imported=False,
        is_logged=True,
        condition=RuleFact("The id of its source."),
        is_in_webhooks=True,
    ),
    LeadField("referring_provider_id", Kind(Form.ID), "Referring provider", is_logged=True, is_imported=False),
    LeadField("referring_patient_id", Kind(Form.ID), "Referring patient", is_logged=True, is_imported=False),
    LeadField("consultation_id", Kind(Form.ID), "Consultation", is_logged=True, is_imported=False),
    LeadField(
        "custom",
        Kind(Form.CUSTOM),
        "Custom fields",
        is_nullable=False,
        is_imported=False,
        merged=Merged.COMPUTED,
        erased_to="'{}'",
    ),
)

COLUMNS: Final = {field.name: field for field in FIELDS if field.is_column}
IMPORTED: Final = {field.name: field for field in FIELDS if field.is_imported}
ON_FORMS: Final = {field.name: field for field in FIELDS if field.form}
TESTED: Final = {field.fact: field for field in FIELDS if field.condition}
IN_TEMPLATES: Final = {field.template.name: field for field in FIELDS if field.template}
IN_WEBHOOKS: Final = tuple(field.name for field in FIELDS if field.is_in_webhooks)
DEFAULTS: Final = {field.name: field.default for field in FIELDS if field.default is not None}
HIDDEN_IN_LOGS: Final = frozenset(field.name for field in FIELDS if not field.is_logged)
PRIVATE: Final = frozenset(field.name for field in FIELDS if field.is_private)
