"""Forecast: expected conversions of the next weeks, with intervals that are tested on the past."""
