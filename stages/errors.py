"""The one exception whose message is meant for the person at the keyboard."""

from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can put right: one sentence, what is wrong, where, what is allowed."""


def run(main: Callable[[], None]) -> None:
    """Run a stage; a UserError ends it with its sentence on stderr and exit code 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
