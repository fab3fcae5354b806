"""A stage on several ranks, by PyTorch's launcher: TORCHRUN="--nproc-per-node=2" dvc repro

TORCHRUN holds options of torchrun. With several machines, DVC runs on the first one
(`--node-rank=0`), and on each of the others a person runs the stage's command with the same
TORCHRUN but its own `--node-rank`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import torch.distributed as dist
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from hotcold.numerics import devices, distributed
from hotcold.runtime import errors, startup
from hotcold.runtime.errors import UserError

OPTIONS = "TORCHRUN"
TIMEOUT = timedelta(days=7)  # a rank may wait for another run; the launcher detects failed ranks


def launch() -> None:
    """Start the ranks and wait for them. Raises UserError if one fails."""
    options = os.environ[OPTIONS]
    program = sys.modules["__main__"].__spec__
    usage = io.StringIO()
    try:
        with contextlib.redirect_stderr(usage):
            command = [*shlex.split(options), "-m", program.name if program else "", *sys.argv[1:]]
            parsed = torchrun.parse_args(command)
            local_ranks = torchrun.determine_local_world_size(parsed.nproc_per_node)
    except (SystemExit, ValueError) as error:
        reason = (usage.getvalue().strip() or str(error)).split("error: ")[-1]
        raise UserError(
            f"{OPTIONS} is '{options}', must be options of torchrun: {reason}"
        ) from None
    distributed.share_cores(local_ranks)
    os.environ[startup.DVC_PROCESS] = str(os.getppid())
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        torchrun.run(parsed)
    except SignalException as received:
        print(f"\nstopped by {received.sigval.name}", file=sys.stderr)
        sys.exit(128 + received.sigval)
    except ChildFailedError as error:
        raise UserError(cause(error)) from None


def cause(error: ChildFailedError) -> str:
    """The first failure. The launcher ends the other ranks by SIGTERM, and a rank that loses its
    connection ends by itself: neither is the cause."""

    def priority(item: tuple[int, ProcessFailure]) -> tuple[bool, bool]:
        number = signal_of(item[1])
        return number == signal.SIGTERM, not (number or item[1].error_file_data)

    rank, failure = min(error.failures.items(), key=priority)
    number = signal_of(failure)
    if number:
        return (
            f"rank {rank} was ended by {signal.Signals(number).name}, and then the other ranks: "
            "run dvc repro again, which continues from the saved state"
        )
    return failure.message if failure.error_file_data else f"rank {rank} failed, see above"


def signal_of(failure: ProcessFailure) -> int:
    """The signal that ended a rank, caught by it or not; 0 for none."""
    return max(-failure.exitcode, failure.exitcode - 128, 0)


def run_rank(main: Callable[[], None]) -> None:
    """Run main as one rank. The launcher prints the sentence of a UserError, once."""
    if not distributed.is_rank_zero():
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    try:
        kind = devices.device().type
        if kind not in distributed.BACKENDS:
            raise UserError(f"{OPTIONS} needs a cpu or cuda device, not {kind}: set DEVICE=cpu")
        dist.init_process_group(distributed.BACKENDS[kind], timeout=TIMEOUT)
        main()
    except UserError as error:
        content = {"message": str(error), "timestamp": int(time.time())}
        Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps(content))
        sys.exit(1)
    except (dist.DistError, RuntimeError) as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the launcher may send it meanwhile
            sys.exit(1)  # the connection to a rank that has ended
        raise
    dist.destroy_process_group()


def run(main: Callable[[], None]) -> None:
    """Like `errors.run`, on as many ranks as TORCHRUN requests."""
    if startup.LAUNCHED in os.environ:
        errors.run(partial(run_rank, main))
    else:
        errors.run(launch if os.environ.get(OPTIONS) else main)
