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
