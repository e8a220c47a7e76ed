"""The relational store: SQLite in one file, PostgreSQL by URL; every tenant's rows apart."""
