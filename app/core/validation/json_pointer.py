"""JSON pointers (RFC 6901)."""


def pointer(*parts: object) -> str:
    """Return the JSON pointer (RFC 6901) of these parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def first_part(place: str) -> str:
    """Return the first part of a JSON pointer that is not empty."""
    return place.split("/")[1].replace("~1", "/").replace("~0", "~")
