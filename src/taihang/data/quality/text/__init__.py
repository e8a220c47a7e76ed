"""Text: what can be measured of texts without a model, one row a text, for rules to judge."""
