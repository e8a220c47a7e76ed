"""Routing: who judges a segment (edge, small model, large model, person), and how much may be missed by it."""
