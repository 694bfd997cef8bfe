"""Messages to leads and users: templates, contact policy, delivery, channels and gateways."""

# A cancelled deliver step also suppresses its notification, so every process that plans steps needs this import.
from app.messaging.delivery import suppression as suppression
