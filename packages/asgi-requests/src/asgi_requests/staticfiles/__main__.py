"""Compress static files beforehand: `python -m asgi_requests.staticfiles compress DIR`.

The exit code is 0, 1 where a file could not be read or written, and 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ._codings import SUFFIXES
from ._compress import Outcome, compress_file, compressible
from ._compressors import INSTALL, Compressor, available
from ._globs import compile_glob

_EPILOG = """\
A sibling has the time of its file, and is written again when that changes; run it as the last step of a build. Formats
that are compressed already are left alone, and so is a file that would not become a twentieth smaller. Files are
replaced whole. Brotli and, before Python 3.14, zstd are extras: pip install asgi-requests[brotli,zstd].
Exit codes: 0 done, 1 a file could not be read or written, 2 wrong arguments.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    parser, options = _parse(arguments)
    compressors = _compressors(parser, options.coding)
    if not os.path.isdir(options.directory):
        parser.error(f"not a directory: {options.directory!r}")
    excluded = [compile_glob(glob) for glob in options.exclude]
    try:
        paths = list(compressible(options.directory, excluded))
    except OSError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    counts = _compress(paths, compressors, options.jobs, report=not options.quiet)
    if not options.quiet:
        sys.stdout.write(
            f"{len(paths)} files: {counts['written']} written, {counts['current']} up to date, "
            f"{counts['larger']} not worth it, {counts['failed']} failed\n"
        )
    return 1 if counts["failed"] else 0


def _compress(paths: list[str], compressors: dict[str, Compressor], jobs: int, *, report: bool) -> Counter[str]:
    """Compress files, so many at a time, and return the number of each outcome; a file that fails stops no other."""
    counts: Counter[str] = Counter()

    def compress(path: str) -> list[Outcome] | OSError:
        try:
            return compress_file(path, compressors)
        except OSError as exc:
            # Returned: raised, it would end `map`, and with it the files behind this one.
            return exc

    # Threads suffice: compressors release the interpreter's lock while they work.
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(compress, paths):
            if isinstance(result, OSError):
                counts["failed"] += 1
                sys.stderr.write(f"{result}\n")
                continue
            counts.update(outcome.what for outcome in result)
            if report:
                _print(result)
    return counts


def _parse(arguments: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="python -m asgi_requests.staticfiles", description="Tools for static files.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "compress",
        help="write compressed siblings of the files of a directory",
        description="Write app.js.br, app.js.zst and app.js.gz beside app.js, for StaticFiles(precompressed=True).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("directory", metavar="DIR")
    one = "only this coding; may be repeated (default: all that are installed)"
    command.add_argument("--coding", action="append", choices=[*SUFFIXES], help=one)
    command.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="leave these files alone")
    jobs = "files at a time (default: the number of processors)"
    command.add_argument("--jobs", type=_jobs, default=os.cpu_count() or 1, help=jobs)
    command.add_argument("--quiet", action="store_true", help="print errors only")
    return command, parser.parse_args(arguments)


def _jobs(text: str) -> int:
    jobs = int(text)
    if jobs < 1:
        raise ValueError(text)
    return jobs


def _compressors(parser: argparse.ArgumentParser, wanted: list[str] | None) -> dict[str, Compressor]:
    """Return the compressors to use; exits where one that was asked for is not installed."""
    found = available()
    for coding in wanted or SUFFIXES:
        if coding not in found:
            if wanted:
                parser.error(f"{coding} is not installed: {INSTALL[coding]}")
            sys.stderr.write(f"{coding} is left out, it is not installed: {INSTALL[coding]}\n")
    return {coding: compress for coding, compress in found.items() if not wanted or coding in wanted}


def _print(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.what == "written":
            name = outcome.path + SUFFIXES[outcome.coding]
            sys.stdout.write(f"{name}: {outcome.before} -> {outcome.after} bytes\n")


if __name__ == "__main__":
    sys.exit(main())
