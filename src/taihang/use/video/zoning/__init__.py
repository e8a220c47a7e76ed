"""Zoning: polygons drawn once, and where they lie in every frame."""
