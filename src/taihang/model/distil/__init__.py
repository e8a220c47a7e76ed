"""Distillation: a large detector's answers teach a small one, a gate judges it, and it is rolled out and back."""
