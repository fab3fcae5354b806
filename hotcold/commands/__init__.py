"""The subcommands of `hotcold`. Each is a module, which is imported when it is called."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from hotcold.runtime import errors, startup
from hotcold.runtime.cli import known_model
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, nearest

COMMANDS = {  # that need no project -> their modules
    name: f"hotcold.commands.{name}" for name in ("describe", "generate", "restore", "score")
}


class Help(click.Command):
    """A command whose help text keeps its lines."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"\n{cleandoc(self.help or '')}\n")


class Group(Help, click.Group):
    """Subcommands by name, each the function `main` of a module."""

    modules: Mapping[str, str] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.modules, *super().list_commands(ctx)])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.modules:
            return super().get_command(ctx, name)
        return import_module(self.modules[name]).main

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if args[0] not in known and args[0][0] != "-":
            where = "" if Path("tools").is_dir() else " outside of a project"
            raise UserError(f"there is no command '{args[0]}'{where}{nearest(args[0], known)}")
        found = super().resolve_command(ctx, args)
        startup.end_at_signals(sys.exit)  # an orderly end: the imports are over
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The first line of each module, which is not imported for this."""
        rows = {name: summary(module) for name, module in self.modules.items()}
        rows |= {name: each.get_short_help_str() for name, each in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))


def summary(module: str) -> str:
    """The first line of the docstring of a module."""
    spec = find_spec(module)
    text = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    doc = ast.get_docstring(ast.parse(text)) or ""
    return doc.partition("\n")[0].partition(": hotcold")[0].rstrip(".:")


def command(doc: str | None) -> Callable[[Callable[..., None]], click.Command]:
    """Decorator: a command with the docstring of its module as its help text."""
    return click.command(cls=Help, help=doc, context_settings={"show_default": True})


def group(doc: str | None, modules: Mapping[str, str]) -> Group:
    """Commands below another one, such as `hotcold check replay`."""
    found = Group(help=doc)
    found.modules = modules
    return found


class File(click.Path):
    """A path, relative to the folder in which the user is."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Path:
        return ((ctx and ctx.find_root().obj) or Path()) / value


class Name(click.ParamType):
    """The name of a model, which is completed from params.yaml."""

    name = "model"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in load()["models"] if name.startswith(incomplete)]


class Model(Name):
    """The name of a model that params.yaml or results/ has."""

    def convert(self, value: str, param: Any, ctx: click.Context | None) -> str:
        return known_model(value)


@click.command(cls=Group)
@click.version_option(package_name="hotcold")
def cli() -> None:
    """Hot and cold diffusion models of MNIST.

    `hotcold COMMAND --help` describes a command. Those of a project work in any of its folders;
    describe, generate, restore and score also elsewhere.
    """


def run(root: Path | None) -> None:
    """Run the command line in the project at `root`, or outside of a project."""
    startup.prepare()
    startup.end_at_signals(os._exit)  # an exception could be lost in the imports
    here = Path.cwd()
    cli.modules = COMMANDS
    if root:
        os.chdir(root)
        cli.modules = COMMANDS | import_module("tools").COMMANDS
    errors.run(lambda: main(Path(os.path.relpath(here))))


def main(folder: Path) -> None:
    """Run the command line; folder: that of the user. A wrong one ends with one sentence."""
    try:
        cli.main(prog_name="hotcold", obj=folder, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        print(f"error: {error.format_message()}", file=sys.stderr)
        sys.exit(error.exit_code)
