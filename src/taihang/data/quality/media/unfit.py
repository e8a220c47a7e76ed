"""Unfit: why a file cannot be measured, in one word that becomes its fault."""

from __future__ import annotations


class Unfit(ValueError):
    """`fault` names what is wrong with the file; it ends nothing but the measuring of that file."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault
