"""Rules: a rulebook is predicates over named tables; judging gives findings with every violating row."""
