"""Enumerations of leads and of their capture (lead-management.md)."""

from enum import StrEnum


class CaptureChannel(StrEnum):
    WEB_FORM = "WEB_FORM"
    PHONE = "PHONE"
    EMAIL = "EMAIL"  # a mail from an unknown sender
    SMS = "SMS"  # a text message from an unknown number, also by WhatsApp
    WALK_IN = "WALK_IN"
    REFERRAL_PROVIDER = "REFERRAL_PROVIDER"  # referred by a dentist
    REFERRAL_PATIENT = "REFERRAL_PATIENT"
    SOCIAL = "SOCIAL"
    MANUAL = "MANUAL"  # for example a business card, an event
    IMPORT = "IMPORT"
    API = "API"  # an API key of the clinic


class OnDuplicate(StrEnum):
    """Handling of a new lead with the phone number or e-mail address of an existing lead."""

    WARN = "warn"  # create the lead, and return the duplicates
    REFUSE = "refuse"  # create nothing; the answer is 409, or the item of a list fails
    SKIP = "skip"  # create nothing; other items continue
    UPDATE = "update"  # update the existing lead with the given values
    CREATE = "create"  # create the lead


ON_DUPLICATE_IN_CAPTURE = (OnDuplicate.WARN, OnDuplicate.REFUSE)
ON_DUPLICATE_IN_IMPORTS = (OnDuplicate.SKIP, OnDuplicate.UPDATE, OnDuplicate.CREATE, OnDuplicate.REFUSE)


class LeadStatus(StrEnum):
    NEW = "NEW"  # no contact attempt yet
    ACTIVE = "ACTIVE"
    CONVERTED = "CONVERTED"  # became a patient; the lead is read-only
    LOST = "LOST"
    ARCHIVED = "ARCHIVED"


OPEN_STATUSES = (LeadStatus.NEW, LeadStatus.ACTIVE)


class PatientRelationship(StrEnum):
    SELF = "SELF"
    CHILD = "CHILD"
    SPOUSE = "SPOUSE"
    OTHER = "OTHER"


class PreferredContact(StrEnum):
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    TEXT = "TEXT"
    ANY = "ANY"


class TreatmentInterest(StrEnum):
    BRACES_METAL = "BRACES_METAL"
    BRACES_CLEAR = "BRACES_CLEAR"
    INVISALIGN = "INVISALIGN"
    RETAINER = "RETAINER"
    SECOND_OPINION = "SECOND_OPINION"
    GENERAL_INQUIRY = "GENERAL_INQUIRY"


class LostReason(StrEnum):
    CHOSE_COMPETITOR = "CHOSE_COMPETITOR"
    COST_FINANCIAL = "COST_FINANCIAL"
    TIMING_NOT_RIGHT = "TIMING_NOT_RIGHT"
    NOT_A_CANDIDATE = "NOT_A_CANDIDATE"
    NO_RESPONSE = "NO_RESPONSE"
    INSURANCE_ISSUES = "INSURANCE_ISSUES"
    RELOCATED = "RELOCATED"
    OTHER = "OTHER"


class RottingReason(StrEnum):
    """Limit that decides when a lead is rotting: see `pipeline/rotting.py`."""

    NO_CONTACT = "NO_CONTACT"  # no contact for longer than the clinic allows
    IN_STAGE_TOO_LONG = "IN_STAGE_TOO_LONG"  # in its stage for longer than the stage allows


class SocialPlatform(StrEnum):
    FACEBOOK = "FACEBOOK"
    INSTAGRAM = "INSTAGRAM"
    TIKTOK = "TIKTOK"
    WHATSAPP = "WHATSAPP"
    LINKEDIN = "LINKEDIN"
    X = "X"
    OTHER = "OTHER"
