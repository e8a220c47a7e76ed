"""Monitors: bands that are learned from history, and what lies outside of them."""
