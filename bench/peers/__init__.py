"""The queues people would otherwise pick. Imported by their workers too, so nothing of the harness is imported here."""
