"""Understand: what a vision-language model says of the film, as rows that rules read; models advise, rules decide."""
