"""Names and contact data of generated people. All are fictitious; .example domains receive no mail."""

from random import Random
from typing import Final

from app.core.type_aliases import JsonDict

_FIRST: Final = """
Ada Aiden Amara Anika Arjun Bea Caleb Carmen Cora Daniel Diego Elena Eli Emma Esther Farid Felix Gianna
Grace Hana Hugo Imani Ines Isaac Iris Jamal Jonas Julia Kai Keira Lara Leo Lina Lucas Maeve Malik Maria
Mateo Mina Nadia Noah Nora Olga Omar Paula Pedro Quinn Rafael Rina Rosa Ruth Samir Selma Simon Sofia Tara
Theo Uma Victor Yara Zoe
""".split()  # noqa: SIM905  (shorter)
_LAST: Final = """
Abbott Adeyemi Alvarez Baker Barnes Becker Bell Bianchi Brooks Castillo Chen Cohen Cooper Cruz Dalton Diallo
Dixon Duarte Ellis Farrell Fischer Flores Foster Garcia Gibbs Gomez Greene Haddad Hansen Hayes Herrera
Hughes Ito Jensen Kapoor Keller Kim Klein Kumar Larsen Levy Lopez Lund Marsh Mendez Meyer Moreno Murray
Nguyen Novak Okoye Olsen Ortiz Park Patel Perez Porter Quintero Ramos Reyes Rivera Rossi Ruiz Santos Schmidt
Shah Silva Singh Stone Suarez Tanaka Torres Turner Vargas Vega Walsh Weber Wong Wright Young Zimmer
""".split()  # noqa: SIM905  (shorter)
_AREAS: Final = (212, 315, 332, 347, 516, 518, 585, 607, 631, 646, 680, 716, 718, 838, 845, 914, 917, 929, 934)
_PLACES: Final = (("New York", "10027"), ("Brooklyn", "11215"), ("Queens", "11375"), ("Yonkers", "10701"))
_LINES: Final = 10_000  # numbers of an area; unique for 190,000 leads
_HAS_PHONE: Final = 0.8
_HAS_EMAIL: Final = 0.93
_IS_CHILD: Final = 0.45
_HAS_INSURANCE: Final = 0.4


def person(dice: Random, number: int) -> JsonDict:
    """Return the personal columns of a lead. The e-mail address and the phone number are unique by `number`."""
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    is_child = dice.random() < _IS_CHILD
    city, postal_code = dice.choice(_PLACES)
    insurer = dice.choice(("Delta Dental", "MetLife", "Cigna"))
    _ = dice.choice(_AREAS), dice.randrange(100)  # drawn by earlier versions: a seed number gives the same leads still
    area = _AREAS[(number + number // _LINES) % len(_AREAS)]
    phone = f"+1{area}555{number % _LINES:04}"  # 555 has no subscribers
    has_phone, has_email = dice.random() < _HAS_PHONE, dice.random() < _HAS_EMAIL
    email = f"{first}.{last}.{number}@people.example".lower()
    return {
        "first_name": first,
        "last_name": last,
        "patient_first_name": dice.choice(_FIRST) if is_child else first,
        "patient_last_name": last,
        "patient_relationship": "CHILD" if is_child else "SELF",
        "phone": phone if has_phone else None,
        "email": email if has_email or not has_phone else None,
        "preferred_contact": dice.choice(("PHONE", "PHONE", "EMAIL", "TEXT")) if has_phone else "EMAIL",
        "city": city,
        "state": "NY",
        "postal_code": postal_code,
        "insurance_carrier": insurer if dice.random() < _HAS_INSURANCE else None,
    }
