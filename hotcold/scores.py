"""The catalogue of scores: whatever lists, names or ranks scores reads it here.

A new score is a function in `hotcold/metrics`, a line in `Scorer.__call__` and a line of SCORES.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Place = Literal[
    "metrics",  # results/metrics, which DVC compares between commits and experiments
    "summary",  # report/scores.json
    "restoration",  # report/scores.json and a table, for each set of a model that restores
    "measured",  # report/measured, from trainings that a person starts, and their tables
    "ranking",  # findings, and the panels of the step study
    "scores",  # the table of the main scores
    "quality",  # the table of fidelity and variety
    "appearance",  # the table of what the features of the classifier hardly see
    "checkpoints",  # report/plots/fid.csv, beside FID
    "experiments",  # the table of tools.table
]
ARROWS = {1: " ↑", -1: " ↓", None: ""}


@dataclass(frozen=True)
class Score:
    """A score as tables and figures show it.

    key: in results. better: 1 if higher is better, -1 if lower is; None if neither. spread: what is
    shown beside it, a 95 % interval (<key>_below and <key>_above in results) or a standard
    deviation (<key>_std). signed: whether it may be negative. axis: the label in figures, if that
    is another one than in tables. shown: place -> position there, from left to right.
    """

    key: str
    label: str
    better: Literal[1, -1] | None = None
    decimals: int = 2
    spread: Literal["interval", "std"] | None = None
    signed: bool = False
    axis: str = ""
    shown: Mapping[Place, int] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """The label, with an arrow towards better values."""
        return f"{self.label}{ARROWS[self.better]}"

    @property
    def axis_label(self) -> str:
        return self.axis or self.label

    @property
    def higher_is_better(self) -> bool:
        """Raises ValueError if neither higher nor lower values are better."""
        if self.better is None:
            raise ValueError(f"{self.key} has no better values, so that it ranks nothing")
        return self.better > 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of the score and of its spread."""
        ends = {"interval": ("_below", "_above"), "std": ("_std",), None: ()}[self.spread]
        return self.key, *(f"{self.key}{end}" for end in ends)


SCORES = (
    Score(
        "is",
        "IS",
        better=1,
        spread="interval",
        shown={
            "metrics": 2,
            "summary": 1,
            "restoration": 4,
            "measured": 2,
            "ranking": 2,
            "scores": 1,
            "checkpoints": 4,
            "experiments": 2,
        },
    ),
    Score("is_std", "standard deviation of IS", shown={"summary": 2}),
    Score(
        "is_published_definition",
        "IS by the published definition",
        decimals=3,
        spread="std",
        shown={"summary": 3},
    ),
    Score(
        "is_published_definition_std",
        "standard deviation of IS by the published definition",
        decimals=3,
        shown={"summary": 4},
    ),
    Score(
        "fid",
        "FID",
        better=-1,
        spread="interval",
        axis="FID, classifier features",
        shown={
            "metrics": 1,
            "summary": 5,
            "restoration": 5,
            "measured": 1,
            "ranking": 1,
            "scores": 2,
            "experiments": 1,
        },
    ),
    Score(
        "fid_infinite", "FID, infinite N", better=-1, signed=True, shown={"summary": 6, "scores": 3}
    ),
    Score("validation_fid", "FID, validation", better=-1, shown={"summary": 7, "checkpoints": 1}),
    Score(
        "inception_fid",
        "FID, Inception",
        better=-1,
        axis="FID, Inception features",
        shown={"summary": 8, "checkpoints": 2},
    ),
    Score(
        "kid",
        "KID",
        better=-1,
        decimals=4,
        spread="interval",
        signed=True,
        axis="KID, classifier features",
        shown={"metrics": 3, "summary": 9, "scores": 4, "checkpoints": 3},
    ),
    Score(
        "precision",
        "precision",
        better=1,
        decimals=3,
        spread="std",
        shown={"metrics": 4, "summary": 10, "measured": 3, "quality": 1},
    ),
    Score(
        "recall",
        "recall",
        better=1,
        decimals=3,
        spread="std",
        shown={"metrics": 5, "summary": 11, "measured": 4, "quality": 2},
    ),
    Score(
        "density",
        "density",
        better=1,
        decimals=3,
        spread="std",
        shown={"summary": 12, "quality": 3},
    ),
    Score(
        "coverage",
        "coverage",
        better=1,
        decimals=3,
        spread="std",
        shown={"summary": 13, "quality": 4},
    ),
    Score(
        "class_distance",
        "class distance",
        better=-1,
        decimals=3,
        shown={"summary": 14, "appearance": 3},
    ),
    Score("zeros", "zeros", decimals=3, shown={"summary": 15, "appearance": 1}),
    Score("components", "components", shown={"summary": 16, "appearance": 2}),
    Score("nearest_training_distance", "nearest training", shown={"summary": 17, "appearance": 4}),
    Score("label_accuracy", "label accuracy", better=1, shown={"summary": 18}),
    Score(
        "psnr",
        "PSNR in dB",
        better=1,
        decimals=1,
        signed=True,
        shown={"metrics": 6, "restoration": 1, "experiments": 3},
    ),
    Score(
        "ssim",
        "SSIM",
        better=1,
        decimals=3,
        signed=True,
        shown={"metrics": 7, "restoration": 2},
    ),
    Score("rmse", "RMSE", better=-1, decimals=3, shown={"metrics": 8, "restoration": 3}),
    # Of a model or of the classifier, not of a set of images.
    Score("validation_loss", "validation loss", better=-1, decimals=4),
    Score("bits", "bits per pixel", better=-1, decimals=3),
    Score("accuracy", "accuracy", better=1),
)


def find(key: str) -> Score:
    """The score with this key. Raises KeyError if there is none."""
    return {score.key: score for score in SCORES}[key]


def shown(place: Place) -> list[Score]:
    """The scores that a place shows, from left to right."""
    return sorted((s for s in SCORES if place in s.shown), key=lambda s: s.shown[place])


def decimals(key: str) -> int:
    """Of a number with this key in tables, whether it is a score or not."""
    return next((score.decimals for score in SCORES if score.key == key), 2)
