"""Notify: telling people and programs outside, by webhook and e-mail; kept until it is delivered."""
