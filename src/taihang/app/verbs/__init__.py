"""The verbs of the command line, one module a group; `app/cli.py` puts them together."""
