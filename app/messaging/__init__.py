"""Messages to leads and users: templates, contact policy, delivery, channels and gateways."""
