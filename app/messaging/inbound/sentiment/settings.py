"""Sentiment setting of a clinic: read and replace; and the columns of an activity with the detected label."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.models import Clinic
from app.messaging.clinic_settings import lock_settings, save_settings
from app.messaging.inbound.sentiment.detect import detect_sentiment


def get_sentiment_settings(session: Session, actor: Actor) -> JsonDict:
    """Return `is_on` (bool) and `version`."""
    columns = select(Clinic.detects_sentiment, Clinic.sentiment_version).where(Clinic.id == actor.clinic.id)
    is_on, version = session.execute(columns).one()
    return {"is_on": is_on, "version": version}


def set_sentiment_settings(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace the setting. It applies to messages that arrive from now on. Raises ChangedMeanwhile."""
    version = lock_settings(session, actor.clinic.id, Clinic.sentiment_version, seen)
    changes = {"detects_sentiment": data["is_on"]}
    save_settings(session, actor.clinic.id, changes | version, changes=changes)
    return get_sentiment_settings(session, actor)


def sentiment_columns(clinic: ClinicContext, text: str | None, language: str | None) -> JsonDict:
    """Return the columns of an inbound activity with the label and its words; nothing if the clinic has it off."""
    if not clinic.detects_sentiment or not text:
        return {}
    found = detect_sentiment(text, language or clinic.language)
    return {"sentiment": found.label, "sentiment_words": list(found.words)} if found else {}
