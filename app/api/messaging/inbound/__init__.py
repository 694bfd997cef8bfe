"""Routes and schemas for mail that arrives, and for the conversation with a lead."""
