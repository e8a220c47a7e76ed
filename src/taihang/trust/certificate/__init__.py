"""Certificates: signed statements that a version of something met a rulebook, and their revocation."""
