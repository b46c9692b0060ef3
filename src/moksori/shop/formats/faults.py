"""What is wrong with a file that was to be imported."""

from __future__ import annotations


class ImportRefused(Exception):
    """Nothing was imported. `faults` has a sentence for each bad row."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
