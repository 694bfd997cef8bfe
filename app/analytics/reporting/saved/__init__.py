"""Saved reports: a report with its parameters, and the schedule of its e-mails."""
