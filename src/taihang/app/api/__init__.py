"""The API: everything the platform does, over HTTP under /api/v1."""
