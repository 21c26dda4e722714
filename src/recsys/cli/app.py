"""The command tree, the global options, and the one table from errors to exit codes."""

import os
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, TextIO

import typer

import recsys
from recsys.cli.terminal import terminal
from recsys.errors import Failed, OutcomeUnknown, RecsysError, Refused, UsageError

__all__ = ["EXIT_CODES", "app", "run"]

_PARTS: Mapping[str, tuple[str, ...]] = {
    "serve": ("serve",),
    "store": ("store",),
    "tenants": ("tenants", "keys", "users"),
    "documents": ("config", "rules"),
    "items": ("items",),
    "pipelines": ("pipelines",),
    "releases": ("releases",),
    "log": ("releases",),
    "candidate": ("candidate",),
    "guard": ("guard",),
    "recommend": ("recommend", "similar"),
    "evaluation": ("eval",),
    "status": ("status",),
    "doctor": ("doctor",),
    "drill": ("drill",),
    "why": ("why",),
    "audit": ("audit",),
    "readiness": ("readiness",),
    "pin": ("pin", "unpin"),
    "profile": ("profile",),
    "lab": ("simulate", "demo", "quickstart"),
    "bench": ("bench",),
}
"""Files of this folder and the commands each adds, in the order of the help."""

EXIT_CODES: tuple[tuple[type[RecsysError], int], ...] = (
    (OutcomeUnknown, 5),
    (Refused, 3),
    (UsageError, 2),
    (Failed, 1),
    (RecsysError, 1),
)
"""Kinds of error and the exit code each maps to; the first that fits counts. 130 is an interrupt."""

_INTERRUPTED = 130
_GLOBAL_WITH_VALUE = ("--store", "--log")
_GLOBAL_FLAGS = ("--json", "--verbose")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"recsys {recsys.__version__}\n")
        raise typer.Exit


def _globals(
    store: Annotated[
        str,
        typer.Option(help="Where releases and blobs are: a directory, or s3://bucket/prefix.", envvar="RECSYS_STORE"),
    ] = "var/store",
    log: Annotated[
        str | None,
        typer.Option(
            help="Where the log is: postgresql://…. Default: in the store.", envvar="RECSYS_LOG", show_envvar=True
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output; the rest on standard error.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has answered and left
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    terminal.configure(store=store, log=log, json=json, verbose=verbose)


def app(asked: str | None = None) -> typer.Typer:
    """Make the command tree: whole, or with what is needed to run the command ``asked``, which starts in half the time.

    A command that is not there gets the whole tree, to be told what is.
    """
    made = typer.Typer(
        name="recsys",
        help="Recommendations that stay up, can be reversed, and can be audited.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="--store, --log, --json and --verbose are accepted before and after a command's name. "
        "Environment: RECSYS_STORE, RECSYS_LOG, RECSYS_ACTOR, RECSYS_CACHE, RECSYS_SIGNING_KEY; "
        "NO_COLOR turns colour off.",
    )
    made.callback()(_globals)
    needed = [part for part, commands in _PARTS.items() if asked in commands]
    for part in needed or _PARTS:
        import_module(f"recsys.cli.{part}").add_to(made)
    return made


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. Errors are one line and a next step, never a traceback by default."""
    front, rest = _globals_apart(arguments)
    ordered = front + rest
    command = typer.main.get_command(app(rest[0] if rest else None))
    try:
        result = command.main(args=ordered, prog_name="recsys", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except typer.TyperException as error:
        if not arguments or error.message.startswith("Usage:") or type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]  # the group's help, which Typer raises as an error
            return 2
        terminal.json = terminal.json or "--json" in arguments  # the words that would have said so were not read yet
        one_line = " ".join(error.format_message().split())
        said = UsageError(one_line, next_step=_usage_hint(error))
        _explain(said)
        return _exit_code(said, ordered)
    except BrokenPipeError:
        _let_go(sys.stdout)
        return 0
    except RecsysError as error:
        _explain(error)
        return _exit_code(error, ordered)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _explain(Failed(f"{error.strerror or error}{where}", next_step="check the path, its permissions and the disk"))
        return 1
    except Exception as error:  # the last stop before a person: one line, not a traceback
        if "interrupted" in str(error).lower():
            return _interrupted()  # the engine's way to say Ctrl-C
        if terminal.verbose:
            traceback.print_exc()
        terminal.fail(
            f"{type(error).__name__}: {error}",
            "this is a fault of the program; run again with --verbose and report it",
        )
        return 1
    if result == _INTERRUPTED:
        return _interrupted()
    return result if isinstance(result, int) else 0


def _interrupted() -> int:
    terminal.errors.print("[dim]interrupted; nothing half done is left behind[/dim]")
    return _INTERRUPTED


def _exit_code(error: RecsysError, arguments: list[str]) -> int:
    words = [word for word in arguments if not word.startswith("-")]
    if words[:2] == ["eval", "run"] or words[1:3] == ["eval", "run"]:
        return 1  # `eval run` keeps 2, 3 and 4 for its decisions
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def _explain(error: RecsysError) -> None:
    """Say an error. That it cannot be said (a full disk) changes nothing about the exit code."""
    if terminal.verbose:
        traceback.print_exception(error)
    next_step = terminal.next_step(error.next_step)
    document = {"error": {"code": error.code, "message": error.message, "next_step": next_step}}
    if isinstance(error, OutcomeUnknown):
        document["error"]["attempt"] = error.attempt
    try:
        if terminal.json:
            terminal.finish(document, lambda: None)
        sys.stdout.flush()
    except OSError:
        _let_go(sys.stdout)
    try:
        terminal.fail(error.message, next_step)
    except OSError:
        _let_go(sys.stderr)


def _let_go(stream: TextIO) -> None:
    """Point a stream that fails at nothing, or Python would try it again at its end and exit with a code of its own."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except OSError:
        pass


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"see: {context.command_path} --help" if context is not None else "see: recsys --help"


def _globals_apart(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Take the global options out, so that they are accepted after a command's name too."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        name = argument.split("=", 1)[0]
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in _GLOBAL_FLAGS:
            front.append(argument)
        elif name in _GLOBAL_WITH_VALUE:
            front.append(argument)
            if "=" not in argument:
                front += [value for value in (next(waiting, None),) if value is not None]
        else:
            rest.append(argument)
    return front, rest
