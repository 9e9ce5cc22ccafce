"""The command line: `python -m sr_core VERB`."""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings

from .commands import benchmark, convert, evaluate, generate, inspect, prepare, stream, train

DESCRIPTION = "SoundReactor: sound for video, frame by frame, never looking ahead."


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 where it did all it was asked to, 2 where something failed."""
    options = build_parser().parse_args(arguments)
    warnings.showwarning = _one_line
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("stopped; no file is half written", file=sys.stderr)
        return 130
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        print(f"error: {describe(error, options.run is train.run)}", file=sys.stderr)
        return 2


def describe(error: Exception, training: bool = False) -> str:
    """An error in one line: ours say all there is to say, others are named by their kind."""
    text = " ".join(str(error).split())
    if isinstance(error, ValueError):
        return text
    if "out of memory" in text.lower():
        help = "use --device cpu or close other programs"
        if training:
            help = "take fewer rows at once: --set loop.accumulate=N takes a step's in N parts"
        return f"the device ran out of memory; {help} ({text})"
    return f"{type(error).__name__}: {text} (add --debug to see where)"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m sr_core", description=DESCRIPTION)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for command in (generate, stream, convert, inspect, prepare, train, evaluate, benchmark):
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


def _one_line(message, category, filename, lineno, file=None, line=None) -> None:
    from tqdm import tqdm

    tqdm.write(f"warning: {message}", file=sys.stderr)  # not behind a progress bar's end
