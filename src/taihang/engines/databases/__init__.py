"""Databases: engines elsewhere that run the SQL that is made for them and give rows back."""
