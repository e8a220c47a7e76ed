"""Cascade: streams judged live at the edge, and what is worth it sent on by risk, over a link that may fail."""
