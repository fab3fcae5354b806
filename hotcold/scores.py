"""The catalogue of scores: whatever lists, names or ranks scores reads it here.

A new score is a function in `hotcold/metrics`, a line in `Scorer.__call__` and a line of SCORES.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    "experiments",  # the table of hotcold table
]
ARROWS = {1: " ↑", -1: " ↓", None: ""}


@dataclass(frozen=True)
class Score:
    """A score as tables and figures show it.

    key: in results. better: 1 if higher is better, -1 if lower is; None if neither. spread: what is
    shown beside it, a 95 % interval (<key>_below and <key>_above in results) or a standard
    deviation (<key>_std). signed: whether it may be negative. axis: the label in figures, if that
    is another one than in tables. shown: the places that show it, see FIRST.
    """

    key: str
    label: str
    better: Literal[1, -1] | None = None
    decimals: int = 2
    spread: Literal["interval", "std"] | None = None
    signed: bool = False
    axis: str = ""
    shown: tuple[Place, ...] = ()

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


REPORTED: tuple[Place, ...] = ("metrics", "summary", "restoration", "measured", "scores")
MAIN: tuple[Place, ...] = (*REPORTED, "ranking", "experiments")
PER_IMAGE: tuple[Place, ...] = ("metrics", "restoration")
VARIED: tuple[Place, ...] = ("metrics", "summary", "measured", "quality")
SCORES = (
    Score("is", "IS", 1, spread="interval", shown=(*MAIN, "checkpoints")),
    Score("is_std", "standard deviation of IS", shown=("summary",)),
    Score(
        "is_published_definition",
        "IS by the published definition",
        decimals=3,
        spread="std",
        shown=("summary",),
    ),
    Score(
        "is_published_definition_std",
        "standard deviation of IS by the published definition",
        decimals=3,
        shown=("summary",),
    ),
    Score("fid", "FID", -1, spread="interval", axis="FID, classifier features", shown=MAIN),
    Score("fid_infinite", "FID, infinite N", -1, signed=True, shown=("summary", "scores")),
    Score("validation_fid", "FID, validation", -1, shown=("summary", "checkpoints")),
    Score(
        "inception_fid",
        "FID, Inception",
        better=-1,
        axis="FID, Inception features",
        shown=("summary", "checkpoints"),
    ),
    Score(
        "kid",
        "KID",
        better=-1,
        decimals=4,
        spread="interval",
        signed=True,
        axis="KID, classifier features",
        shown=("metrics", "summary", "scores", "checkpoints"),
    ),
    Score("precision", "precision", 1, 3, "std", shown=VARIED),
    Score("recall", "recall", 1, 3, "std", shown=VARIED),
    Score("density", "density", 1, 3, "std", shown=("summary", "quality")),
    Score("coverage", "coverage", 1, 3, "std", shown=("summary", "quality")),
    Score("class_distance", "class distance", -1, 3, shown=("summary", "appearance")),
    Score("fid_balanced", "FID, balanced", -1, shown=("summary", "appearance")),
    Score("zeros", "zeros", decimals=3, shown=("summary", "appearance")),
    Score("components", "components", shown=("summary", "appearance")),
    Score("nearest_training_distance", "nearest training", shown=("summary", "appearance")),
    Score("label_accuracy", "label accuracy", 1, shown=("summary",)),
    Score("pixel_fd", "FD of pixels, %", -1, spread="interval", shown=("summary", "scores")),
    Score(
        "random_fd", "FD of a random network, %", -1, spread="interval", shown=("summary", "scores")
    ),
    Score("fid_floor", "FID of real images", -1, spread="std", shown=("summary",)),
    Score("psnr", "PSNR in dB", 1, 1, signed=True, shown=(*PER_IMAGE, "experiments")),
    Score(
        "psnr_gain",
        "PSNR over one step",
        better=1,
        decimals=2,
        spread="interval",
        signed=True,
        shown=("restoration",),
    ),
    Score(
        "fid_gain", "FID over one step", -1, spread="interval", signed=True, shown=("restoration",)
    ),
    Score("ssim", "SSIM", 1, 3, signed=True, shown=PER_IMAGE),
    Score("rmse", "RMSE", -1, 3, shown=PER_IMAGE),
    # Of a model or of the classifier, not of a set of images.
    Score("validation_loss", "validation loss", -1, 4),
    Score("bits", "bits per pixel", -1, 3),
    Score("accuracy", "accuracy", 1),
)
UNLABELLED = ("pixel_fd", "random_fd")  # distances in features that no labels have shaped
# What a place shows first; the others follow in the order of SCORES.
FIRST: Mapping[Place, tuple[str, ...]] = {
    **dict.fromkeys(("metrics", "measured", "ranking", "experiments"), ("fid",)),
    "restoration": ("psnr", "ssim", "rmse"),
    "appearance": ("zeros", "components"),
    "checkpoints": ("validation_fid", "inception_fid", "kid"),
}


def find(key: str) -> Score:
    """The score with this key. Raises KeyError if there is none."""
    return {score.key: score for score in SCORES}[key]


def shown(place: Place) -> list[Score]:
    """The scores that a place shows, from left to right."""
    first, scores = FIRST.get(place, ()), (score for score in SCORES if place in score.shown)
    return sorted(scores, key=lambda s: first.index(s.key) if s.key in first else len(first))


def decimals(key: str) -> int:
    """The decimals of a number with this key in tables, whether it is a score or not."""
    return next((score.decimals for score in SCORES if score.key == key), 2)
