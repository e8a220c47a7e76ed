"""Masking: tables that say what they said before, without saying it of anybody."""
