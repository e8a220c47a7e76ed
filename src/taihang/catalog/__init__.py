"""The catalogue: assets and their versions, what was found in them, where they come from, how long they stay."""
