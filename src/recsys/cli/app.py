"""The command tree, the global options, and the one table from errors to exit codes."""

import os
import sys
import traceback
from typing import Annotated

import typer

import recsys
from recsys.cli import (
    documents,
    evaluation,
    items,
    lab,
    operations,
    pipelines,
    recommend,
    releases,
    serve,
    tenants,
)
from recsys.cli.terminal import terminal
from recsys.errors import Failed, OutcomeUnknown, RecsysError, Refused, UsageError

__all__ = ["EXIT_CODES", "app", "run"]

EXIT_CODES: tuple[tuple[type[RecsysError], int], ...] = (
    (OutcomeUnknown, 5),
    (Refused, 3),
    (UsageError, 2),
    (Failed, 1),
    (RecsysError, 1),
)
"""Kinds of error and the exit code each maps to; the first that fits counts. 130 is an interrupt."""

_INTERRUPTED = 130
_GLOBAL_WITH_VALUE = ("--store",)
_GLOBAL_FLAGS = ("--json", "--verbose")

app = typer.Typer(
    name="recsys",
    help="Recommendations that stay up, can be reversed, and can be audited.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--store, --json and --verbose are accepted before and after a command's name. "
    "Environment: RECSYS_STORE, RECSYS_ACTOR; NO_COLOR turns colour off.",
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"recsys {recsys.__version__}\n")
        raise typer.Exit


@app.callback()
def _globals(
    store: Annotated[
        str, typer.Option(help="Where releases and blobs are: a directory.", envvar="RECSYS_STORE")
    ] = "var/store",
    json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output; the rest on standard error.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has answered and left
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    terminal.configure(store=store, json=json, verbose=verbose)


for part in (serve, tenants, documents, items, pipelines, releases, recommend, evaluation, operations, lab):
    part.add_to(app)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. Errors are one line and a next step, never a traceback by default."""
    ordered = _globals_first(arguments)
    command = typer.main.get_command(app)
    try:
        result = command.main(args=ordered, prog_name="recsys", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except typer.TyperException as error:
        if not arguments or error.message.startswith("Usage:") or type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]  # the group's help, which Typer raises as an error
            return 2
        terminal.json = terminal.json or "--json" in arguments  # the words that would have said so were not read yet
        said = UsageError(error.format_message(), next_step=_usage_hint(error))
        _explain(said)
        return _exit_code(said, ordered)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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
    if terminal.verbose:
        traceback.print_exception(error)
    if terminal.json:
        document = {"error": {"code": error.code, "message": error.message, "next_step": error.next_step}}
        if isinstance(error, OutcomeUnknown):
            document["error"]["attempt"] = error.attempt
        terminal.finish(document, lambda: None)
    terminal.fail(error.message, error.next_step)


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"see: {context.command_path} --help" if context is not None else "see: recsys --help"


def _globals_first(arguments: list[str]) -> list[str]:
    """Move the global options to the front, so that they are accepted after a command's name too."""
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
    return front + rest
