"""Outbound HTTP to URLs that users enter, protected against server-side request forgery (SSRF)."""
