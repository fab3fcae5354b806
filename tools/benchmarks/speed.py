"""Measure speed and memory, with a slow reference for comparison: python -m tools.benchmarks.speed

The reference does the same work in the style of published notebooks. The variants of each part are
timed in turn in one process; the medians are written as Markdown and JSON.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from hotcold.numerics import devices, tables
from hotcold.runtime import cli, files
from hotcold.runtime.errors import run
from tools.benchmarks import variants
from tools.benchmarks.timing import interleaved, peak_memory, results
from tools.benchmarks.variants import Part, Setting

MODULE = "tools.benchmarks.speed"
HEADING = """\
| part | variant | result | speed-up | GFLOP/s | of the product | peak memory in GB |
|---|---|---|---|---|---|---|"""

Row = dict[str, Any]  # as from `timing.results`, with `part` and `peak`


def measure(part: str, build: Part, setting: Setting, repetitions: int) -> Iterator[Row]:
    """One row for each variant of a part. A new process runs a variant once for its memory."""
    built = build(setting)
    rows = results(built, interleaved(built, repetitions))
    once = [sys.executable, "-m", MODULE, *sys.argv[1:], "--once", part]
    for number, (variant, row) in enumerate(zip(built, rows, strict=True)):
        if variant.command:
            peak = peak_memory(variant.command, setting.project)
        else:
            peak = peak_memory([*once, str(number)], Path.cwd())
        yield {"part": part, **row, "peak": peak}


def result(row: Row) -> str:
    """The cost of a variant in the unit of its part."""
    if row["variant"].startswith("copy"):
        return f"{1e-9 / row['cost']:.1f} GB/s, read and written"
    if row["variant"].startswith("product"):
        return f"{row['cost']:.3g} s"
    if row["part"].startswith("training"):
        return f"{1 / row['cost']:.0f} images/s"
    extrapolated = (
        f", from {row['units']} steps of {1000 * row['cost'] / row['total']:.1f} ms"
        if row["units"] < row["total"]
        else ""
    )
    return f"{row['cost']:.3g} s{extrapolated}"


def table(rows: list[Row]) -> str:
    """One line for each variant. `speed-up` is relative to the first variant of the part; `of the
    product` is relative to the matrix product of the same precision and part, which was timed in
    the same turns: other work on the machine slows both."""
    products = {
        (row["part"], row["dtype"]): row["gflops"]
        for row in rows
        if row["variant"].startswith("product")
    }
    lines = [HEADING]
    for row in rows:
        compared = row["part"].startswith(("training", "sampling"))
        compared = compared and not row["variant"].startswith("product")
        gflops = row["gflops"]
        cells = (
            row["part"],
            row["variant"],
            result(row),
            f"{row['speedup']:.2f}" if compared else "",
            f"{gflops:.0f}" if gflops else "",
            f"{gflops / products[row['part'], row['dtype']]:.0%}" if gflops else "",
            f"{row['peak']:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = cli.parser(MODULE, __doc__)
    parser.add_argument(
        "output", type=Path, nargs="?", default=Path("scratch/bench"), help="(scratch/bench)"
    )
    parser.add_argument(
        "--models", nargs="+", type=cli.known_model, default=["model1", "model2"], metavar="MODEL"
    )
    parser.add_argument("--steps", type=int, default=5, help="in one repetition (5)")
    parser.add_argument("--repetitions", type=int, default=5, help="of each variant (5)")
    parser.add_argument("--precision", default="auto", choices=["auto", *devices.DTYPES])
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="where dvc is timed")
    parser.add_argument(
        "--once", nargs=2, metavar=("PART", "NUMBER"), help="run one variant, untimed"
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    device = devices.device()
    dtype = devices.dtype(arguments.precision, device)
    setting = Setting(device, dtype, arguments.steps, arguments.project)
    parts = variants.parts(arguments.models)
    if arguments.once:
        part, number = arguments.once
        parts[part](setting)[int(number)].run()
        return

    print(devices.describe(device, dtype), flush=True)
    rows = []
    for part, build in parts.items():
        for row in measure(part, build, setting, arguments.repetitions):
            rows.append(row)
            print(f"{part}, {row['variant']}: {row['cost']:.4g} s", flush=True)
    record = devices.record(device, dtype) | {"rows": rows}
    tables.write_json(arguments.output / "speed.json", record)
    text = table(rows)
    heading = f"{devices.describe(device, dtype)}, torch {torch.__version__}"
    files.write(arguments.output / "speed.md", f"{heading}\n\n{text}".encode())
    print(f"\n{text}\nwritten to {arguments.output}")


if __name__ == "__main__":
    run(main)
