"""Calls to the outside: to URLs that somebody wrote down, and that nobody is to reach our own network through."""
