"""Blobs: bytes by their hash, each tenant's apart; in a folder or in an object store."""
