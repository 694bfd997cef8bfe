"""SMTP catcher for development: stores every message as a file and shows it on a web page."""
