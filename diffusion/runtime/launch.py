"""A stage on several processes, by PyTorch's own launcher: TORCHRUN="--nproc-per-node=2" dvc repro

TORCHRUN holds options of torchrun. They say how to compute, not what: for DVC, which runs the
same command, nothing has changed. With several machines, DVC runs on the first one
(`--node-rank=0`), and the others run the stage's command by hand with the same TORCHRUN but for
their `--node-rank`.
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

from diffusion.runtime import devices, errors
from diffusion.runtime.errors import UserError

OPTIONS = "TORCHRUN"
BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
PATIENCE = timedelta(days=7)  # for another run of the same work; the launcher sees who has died


def launch() -> None:
    """Start the processes and wait for them. Raises UserError where one fails."""
    asked = os.environ[OPTIONS]
    program = sys.modules["__main__"].__spec__
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            command = [*shlex.split(asked), "-m", program.name if program else "", *sys.argv[1:]]
            options = torchrun.parse_args(command)
            here = torchrun.determine_local_world_size(options.nproc_per_node)
    except (SystemExit, ValueError) as error:
        reason = (said.getvalue().strip() or str(error)).split("error: ")[-1]
        raise UserError(f"{OPTIONS} is '{asked}', must be options of torchrun: {reason}") from None
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // here)))
    os.environ[errors.LAUNCHED_FOR] = str(os.getppid())
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        torchrun.run(options)
    except SignalException as received:
        print(f"\nstopped by {received.sigval.name}", file=sys.stderr)
        sys.exit(128 + received.sigval)
    except ChildFailedError as error:
        raise UserError(sentence(error)) from None


def sentence(error: ChildFailedError) -> str:
    """What went wrong first: the launcher ends the other processes by SIGTERM, and those that
    notice a lost connection end by themselves."""

    def lateness(item: tuple[int, ProcessFailure]) -> tuple[bool, bool]:
        ended = signal_of(item[1])
        return ended == signal.SIGTERM, not (ended or item[1].error_file_data)

    rank, failure = min(error.failures.items(), key=lateness)
    ended = signal_of(failure)
    if ended:
        return (
            f"process {rank} was ended by {signal.Signals(ended).name}, and with it the others: "
            "run dvc repro again, which takes what is kept"
        )
    return failure.message if failure.error_file_data else f"process {rank} failed, see above"


def signal_of(failure: ProcessFailure) -> int:
    """The signal that ended a process, caught by it or not; 0 for none."""
    return max(-failure.exitcode, failure.exitcode - 128, 0)


def work(main: Callable[[], None]) -> None:
    """One of the processes. A UserError is left for the launcher to say, once."""
    if not errors.speaks():
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    try:
        kind = devices.device().type
        if kind not in BACKENDS:
            raise UserError(f"{OPTIONS} needs a cpu or cuda device, not {kind}: set DEVICE=cpu")
        dist.init_process_group(BACKENDS[kind], timeout=PATIENCE)
        main()
    except UserError as error:
        content = {"message": str(error), "timestamp": int(time.time())}
        Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps(content))
        sys.exit(1)
    except (dist.DistError, RuntimeError) as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the launcher's, while leaving
            sys.exit(1)  # the connection to a process that has ended
        raise
    dist.destroy_process_group()


def run(main: Callable[[], None]) -> None:
    """As `errors.run`, by as many processes as TORCHRUN asks for."""
    if errors.LAUNCHED in os.environ:
        errors.run(partial(work, main))
    else:
        errors.run(launch if os.environ.get(OPTIONS) else main)
