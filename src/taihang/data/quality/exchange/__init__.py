"""Exchange: rules from and to the files of other tools; what has no counterpart is listed, never dropped."""
