"""Retention: how long versions stay, what holds them, and their deletion with its proof."""
