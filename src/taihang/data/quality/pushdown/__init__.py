"""Pushdown: the same rulebook judged by the database that holds the rows, with equal results."""
