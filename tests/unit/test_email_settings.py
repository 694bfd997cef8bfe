"""`SMTP_URL`: SMTP settings in one URL."""

import pytest

from app.messaging.channels.mail.mail_server import InvalidMailSettings, MailServer, Security


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://localhost", ("localhost", 25, Security.NONE, "", "")),
        ("smtp://localhost:1025", ("localhost", 1025, Security.NONE, "", "")),
        ("smtp://[::1]:1025", ("::1", 1025, Security.NONE, "", "")),
        ("smtp://mail.example?starttls=true", ("mail.example", 587, Security.STARTTLS, "", "")),
        # a password is not said in the clear, unless it is asked for
        ("smtp://me:pw@mail.example", ("mail.example", 587, Security.STARTTLS, "me", "pw")),
        ("smtp://me:pw@mail.example:2525?starttls=false", ("mail.example", 2525, Security.NONE, "me", "pw")),
        ("smtps://me%40x.example:p%2Fw%3A@mail.example", ("mail.example", 465, Security.TLS, "me@x.example", "p/w:")),
    ],
)
def test_a_url_names_the_server(url: str, expected: tuple[str, int, Security, str, str]):
    server = MailServer.from_url(url)
    assert (server.host, server.port, server.security, server.user, server.password) == expected


@pytest.mark.parametrize(
    ("url", "mistake"),
    [
        ("", "SMTP_URL is not set"),
        ("http://mail.example", "smtp:// or smtps://"),
        ("mail.example:25", "smtp:// or smtps://"),
        ("smtp://", "name a host"),
        ("smtp://mail.example:port", "SMTP_URL"),
        ("smtp://mail.example?starttls=maybe", "true or false"),
        ("smtp://mail.example?tls=true", "only starttls"),
    ],
)
def test_error_in_the_url_is_named(url: str, mistake: str):
    with pytest.raises(InvalidMailSettings, match=mistake):
        MailServer.from_url(url)


def test_the_password_is_not_shown():
    assert "hidden" not in repr(MailServer.from_url("smtp://me:hidden@mail.example"))
