"""The command line: `python -m sr_core VERB`."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .commands import (
    benchmark,
    convert,
    evaluate,
    generate,
    inspect,
    prepare,
    push,
    smoke,
    stream,
    train,
)
from .commands.console import CLOSED_PIPE, is_closed_pipe, let_go, make_printable, say
from .commands.verb import Verb
from .parallel.signals import on_ending, stop

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

VERBS: tuple[Verb, ...] = (
    generate,
    stream,
    convert,
    inspect,
    prepare,
    smoke,
    train,
    evaluate,
    benchmark,
    push,
)
DESCRIPTION = "SoundReactor: causal, frame-by-frame generation of sound for video."


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 for success, 2 for a failure.

    After a signal, or if the reader of the output has closed the pipe, the status is 128 + the
    signal's number, as in shells.
    """
    make_printable()
    warnings.showwarning = _one_line
    try:
        with on_ending(stop):
            return _run(arguments)
    except KeyboardInterrupt as stopped:
        say("stopped; no incomplete file is left")
        return 128 + getattr(stopped, "number", signal.SIGINT)
    except OSError as error:
        if not is_closed_pipe(error):
            raise
        let_go()
        return CLOSED_PIPE


def _run(arguments: list[str] | None) -> int:
    options = build_parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
        return code
    except Exception as error:
        if options.debug:
            say(traceback.format_exc())
        if is_closed_pipe(error):
            raise
        say(f"error: {describe(error, options.run is train.run)}")
        return 2


def describe(error: Exception, training: bool = False) -> str:
    """An error as one line: ValueErrors as they are, other types with the name of the type."""
    text = " ".join(str(error).split())
    if isinstance(error, ValueError):
        return text
    if "out of memory" in text.lower():
        help = "use --device cpu or close other programs"
        if training:
            help = "process fewer rows at once: --set loop.accumulate=N splits a step into N parts"
        return f"the device ran out of memory; {help} ({text})"
    return f"{type(error).__name__}: {text} (--debug shows the traceback)"


class _Parser(argparse.ArgumentParser):
    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help; unlike argparse's version, raises errors of writing."""
        print(self.format_help(), end="", file=file)
        if file is None:
            sys.stdout.flush()


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(_name(), description=DESCRIPTION)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for command in VERBS:
        name = command.__name__.rsplit(".", 1)[-1]
        verb = verbs.add_parser(
            name,
            help=command.HELP,
            description=command.HELP,
            epilog=command.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(verb)
        verb.add_argument("--debug", action="store_true", help="show tracebacks of errors")
        verb.set_defaults(run=command.run)
    return parser


def _name() -> str:
    """The name that this was called by: the installed command or the module."""
    called = Path(sys.argv[0]).stem
    return called if called == "soundreactor" else "python -m sr_core"


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    from tqdm import tqdm

    tqdm.write(f"warning: {message}", file=sys.stderr)  # does not break the progress bar
