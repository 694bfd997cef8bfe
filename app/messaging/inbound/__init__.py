"""Mail that arrives: parse, classify and match it, and apply its effects on the lead."""
