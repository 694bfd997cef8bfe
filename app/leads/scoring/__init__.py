"""Scores of leads: how promising each lead is, from 0 to 100, with the parts that add up to it."""
