"""Tables of more than one run, which a command of `tools` writes and the report shows.

The commands take hours, so git holds the tables, with the commit at which each row was computed.
"""

from __future__ import annotations

from diffusion.runtime import paths
from diffusion.runtime.files import read_csv

FOLDER = paths.REPORT / "measured"
NOISE_AXIS = FOLDER / "noise_axis.csv"  # of python -m tools.noise_axis
NOISE_COLUMNS = (
    "model",
    "noise",
    "epoch",
    "commit",
    *(f"{score}{side}" for score in ("fid", "is") for side in ("", "_below", "_above")),
    *(f"{score}{side}" for score in ("precision", "recall") for side in ("", "_std")),
)


def noise_axis() -> dict[float, dict[str, str]]:
    """size of the noise -> its row, in increasing order; none if there is no table, or one with
    other columns."""
    if not NOISE_AXIS.exists():
        return {}
    rows = [row for row in read_csv(NOISE_AXIS) if tuple(row) == NOISE_COLUMNS]
    return {float(row["noise"]): row for row in sorted(rows, key=lambda row: float(row["noise"]))}
