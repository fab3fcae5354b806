"""The subcommands of `hotcold` in this project. The package prepares the process before PyTorch is
imported."""

from hotcold.runtime import startup

MODULES = ("copy_project", "leftovers", "search", "sweep", "table", "vary")
COMMANDS = {name.replace("_", "-"): f"tools.{name}" for name in MODULES}
COMMANDS |= {"bench": "tools.benchmarks", "check": "tools.checks"}

startup.prepare()
