"""Users and leads of the demo clinic. All are fictitious, and .example domains receive no mail."""

from typing import Final

from app.core.type_aliases import JsonObject
from app.identity.models import Role

SLUG: Final = "demo"
MAILBOX: Final = "hello@maple.example"  # where answers of leads go

CLINIC: Final[JsonObject] = {
    "name": "Maple Street Orthodontics",
    "slug": SLUG,
    "timezone": "America/New_York",
    "region": "US",
}

PEOPLE: Final[tuple[tuple[str, str, Role], ...]] = (
    ("Alice Moreau", "admin@maple.example", Role.CLINIC_ADMIN),
    ("Ben Carter", "ben@maple.example", Role.TREATMENT_COORDINATOR),
    ("Chloe Diaz", "chloe@maple.example", Role.TREATMENT_COORDINATOR),
    ("Dev Patel", "dev@maple.example", Role.TREATMENT_COORDINATOR),
    ("Erin Walsh", "desk@maple.example", Role.FRONT_DESK),
    ("Dr. Farah Haddad", "doctor@maple.example", Role.DOCTOR),
    ("Gus Lindqvist", "marketing@maple.example", Role.MARKETING_MANAGER),
)

# First name, last name, source category, treatment interest, notes.
LEADS: Final[tuple[tuple[str, str, str, str, str], ...]] = (
    ("Hannah", "Brooks", "WEB_ORGANIC", "INVISALIGN", "Asked whether clear aligners fit a crowded lower jaw."),
    ("Ivan", "Petrov", "WEB_PAID", "BRACES_METAL", "For his son, who is twelve."),
    ("Jade", "Nguyen", "WEB_SOCIAL", "INVISALIGN", "Would like evenings."),
    ("Kofi", "Mensah", "DOCTOR_REFERRAL", "BRACES_CLEAR", "Sent by his dentist with X-rays."),
    ("Lena", "Fischer", "PATIENT_REFERRAL", "GENERAL_INQUIRY", "Her sister was treated here."),
    ("Marco", "Rossi", "PRINT_AD", "SECOND_OPINION", "Has a plan from elsewhere."),
    ("Nora", "Olsen", "COMMUNITY_EVENT", "BRACES_METAL", "Met at the spring fair."),
    ("Omar", "Farouk", "SCHOOL_SCREENING", "BRACES_CLEAR", "For his daughter."),
    ("Priya", "Sharma", "WALK_IN", "RETAINER", "Lost her retainer."),
    ("Quentin", "Dubois", "OTHER", "GENERAL_INQUIRY", "Asked about prices."),
    ("Rosa", "Martinez", "WEB_ORGANIC", "INVISALIGN", "Prefers a text first."),
    ("Sam", "Taylor", "WEB_PAID", "BRACES_METAL", "Is comparing three practices."),
)
