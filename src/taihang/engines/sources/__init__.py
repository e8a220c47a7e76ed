"""Sources: rows from files and databases, as Arrow batches in bounded memory. Every input is hostile."""
