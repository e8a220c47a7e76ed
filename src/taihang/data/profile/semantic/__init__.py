"""Semantic: what the texts and numbers of a column mean, told from the values and, second, from its name."""
