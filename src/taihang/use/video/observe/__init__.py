"""Observe: what was seen, and what nobody saw, as the tables that rules speak about."""
