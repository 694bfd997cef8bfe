"""Mailboxes of clinics, read by IMAP."""
