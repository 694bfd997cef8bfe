"""Notices to users: account e-mails, notices to admins, the daily digest."""
