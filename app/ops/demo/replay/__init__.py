"""The last weeks of the demo clinic, replayed with a moved clock through the services and the step runner."""
