"""Rollups: leads of past days and months, counted beforehand by a sweep. Reports add what has changed since."""
