"""Fixtures of the browser tests. Other tests do not import Playwright."""

from tests.support.browser import browsing, chromium, console_server

__all__ = ["browsing", "chromium", "console_server"]
