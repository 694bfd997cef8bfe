"""Normalisation of names for comparison."""

import unicodedata


def normalise_name(*names: str) -> str:
    """Remove accents and capitals: `Íñigo` becomes `inigo`."""
    decomposed = unicodedata.normalize("NFKD", " ".join(names).casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
