"""Lineage: which versions were made of which, by which run; column by column where SQL tells."""
