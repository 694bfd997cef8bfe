"""Registry of channels: explicit registration, unique names."""

import pytest

from app.messaging.channels import email, http, in_app, slack, sms, teams, web_push, whatsapp
from app.messaging.channels.registry import CHANNELS, Channels, ChannelsAreMissing, UnknownChannel


def test_every_module_with_a_channel_is_registered():
    assert list(CHANNELS.values()) == [
        email.CHANNEL,
        http.CHANNEL,
        in_app.CHANNEL,
        slack.CHANNEL,
        sms.CHANNEL,
        teams.CHANNEL,
        web_push.CHANNEL,
        whatsapp.CHANNEL,
    ]


def test_empty_registry_says_how_to_fill_it():
    with pytest.raises(ChannelsAreMissing, match=r"call app\.wiring\.connect\(\)"):
        Channels().names()


def test_duplicate_channel_name_is_refused():
    with pytest.raises(ValueError, match="two channels have one name"):
        Channels().fill([email.CHANNEL, email.CHANNEL])


def test_unknown_channel_has_no_capabilities():
    with pytest.raises(UnknownChannel, match="there is no channel 'fax'"):
        CHANNELS["fax"]
    assert (CHANNELS.for_leads("fax"), CHANNELS.suppressed_by("fax")) == (None, None)
    assert not CHANNELS.needs_gateway("fax")
    assert not CHANNELS.needs_gateway(["http"])
    assert not CHANNELS.needs_account("fax")
    assert not CHANNELS.needs_account("email")
