"""Channels by which messages are sent: one module for each, with its `CHANNEL`.

`base` describes a channel. `registry` holds all channels; `app.wiring` fills it when a process starts. To add a
channel, add a module here that sets `CHANNEL = Channel(...)`; nothing else has to change.

The other modules are helpers of one channel: `mail_server`, `mime`, `smtp`, `smtp_account` and `smtp_connection` of
e-mail, `gateway_client` and `gateway_payload` of `http`. `account` is the sending account of a message.
"""
