"""Tickets: what was found becomes somebody's task, and stays one until the rule itself says that it is done."""
