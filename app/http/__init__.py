"""HTTP layer of the API: authentication, schemas, idempotency, errors and OpenAPI."""
