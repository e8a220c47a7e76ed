"""Metrics: what can be measured of a table, text, picture, film, sound, series, cloud, path or label."""
