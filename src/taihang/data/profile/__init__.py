"""Profile: what a table holds, measured on all of its rows in bounded memory."""
