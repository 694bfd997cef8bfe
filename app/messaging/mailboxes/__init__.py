"""Mailboxes of clinics, whose mail is read by IMAP."""
