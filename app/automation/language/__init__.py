"""The rule language: pydantic models are its only definition.

The checks (`validation`), the JSON Schema (`schema`) and the reference pages (`docs`) follow from them. The engine
reads definitions that were validated here into its own small structures (`app.engine.rules.rules`, `sequences`).
"""
