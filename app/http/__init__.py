"""The API's edge: who calls, what comes in, what goes out, and how mistakes are told."""
