"""Messages to people: what they say, how they go out, what became of them."""

# Whoever may cancel a deliver step must know what hangs on it; every process that plans one imports this package.
from app.messaging.delivery import suppression as suppression
