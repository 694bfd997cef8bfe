"""Channels by which messages are sent: one module for each, with its `CHANNEL`.

`base` describes a channel. `registry` holds all channels; `app.wiring` fills it when a process starts. To add a
channel, add a module here that sets `CHANNEL = Channel(...)`; nothing else has to change.

The other modules help channels: `mail` e-mail, `text_providers` SMS and WhatsApp, `gateway_client` and
`gateway_payload` `http`, `destination_client` and `vapid` the channels to users. `provider_call` makes one call to a
provider, and `account` is the sending account of a message.
"""
