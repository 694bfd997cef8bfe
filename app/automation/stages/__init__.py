"""The automation of pipeline stages: what reacts to a stage, and the templates that its settings name."""
