"""Steps that wait for something other than a time."""
