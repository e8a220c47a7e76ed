"""Temporal: what goes on in each part of a film, told by a light network from key frames and a few vectors."""
