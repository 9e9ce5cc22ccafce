"""The interface of a verb's module."""

from __future__ import annotations

import argparse
from typing import Protocol


class Verb(Protocol):
    """A module of this package, one for each verb of the command line."""

    __name__: str
    HELP: str
    EXAMPLES: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...
