"""Enumerations of lead fields (lead-management.md)."""

from enum import StrEnum


class CaptureChannel(StrEnum):
    WEB_FORM = "WEB_FORM"
    PHONE = "PHONE"
    WALK_IN = "WALK_IN"
    REFERRAL_PROVIDER = "REFERRAL_PROVIDER"  # referred by a dentist
    REFERRAL_PATIENT = "REFERRAL_PATIENT"
    SOCIAL = "SOCIAL"
    MANUAL = "MANUAL"  # for example a business card, an event
    IMPORT = "IMPORT"
    API = "API"  # an API key of the clinic
