"""What the small files must contain that figures and report read: schemas for `sources`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, ConfigDict, Field

from hotcold.runtime.params import Count, Section, Share

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NotNegative = Annotated[Number, Field(ge=0)]
Digit = Annotated[int, Field(ge=0, le=9)]
Text = Annotated[str, Field(min_length=1)]
INPUTS = ("degraded", "median_filter")  # sets that have no score of generated images
RESTORED = ("naive", "improved", "one_step", "degraded")
# Scores that may be negative.
SIGNED = ("kid", "psnr", "ssim", "fid_infinite", "validation_fid_infinite")
REQUIRED = (  # of every set of images, by metrics.scorer.Scorer
    *(f"{score}{side}" for score in ("is", "fid", "kid") for side in ("", "_below", "_above")),
    *(
        f"{score}{side}"
        for score in ("is_published_definition", "precision", "recall", "density", "coverage")
        for side in ("", "_std")
    ),
    *("images", "is_std", "fid_infinite", "class_distance", "zeros", "components"),
)
RESTORATION = ("psnr", "ssim", "rmse")
VALIDATION = ("validation_fid", "validation_fid_below", "validation_fid_above")
DISTANCE = "nearest_training_distance"  # is a score of every set but those of the step study


def signs(scores: dict[str, float]) -> dict[str, float]:
    """Raises ValueError if a score is negative that cannot be."""
    for key, value in scores.items():
        if value < 0 and key not in SIGNED:
            raise ValueError(f"{key} is {value}, must be 0 or more")
    return scores


def complete(scores: Mapping[str, Any], *further: str, prefix: str = "") -> None:
    """Raises ValueError if a score is missing."""
    for key in (*REQUIRED, *further):
        if key not in scores:
            raise ValueError(f"{prefix}{key} is missing")


def complete_set(scores: dict[str, float]) -> dict[str, float]:
    complete(scores, DISTANCE)
    return scores


Scores = Annotated[dict[str, Number], AfterValidator(signs)]
AllScores = Annotated[Scores, AfterValidator(complete_set)]


class Result(pydantic.BaseModel):
    """A mapping of results/, which may have further keys."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Run(Result):
    device: Text
    precision: Text
    processes: Count
    python: Text
    torch: Text
    system: Text


class ClassifierScores(Result):
    accuracy: Share
    training_images: Count
    test_images: Count
    confusion: Annotated[
        tuple[Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=10)], ...],
        Field(min_length=10, max_length=10),
    ]


class Checkpoint(Result):
    epoch: Count
    roles: Annotated[tuple[Literal["early", "best", "last"], ...], Field(min_length=1)]
    main: str
    sampler: dict[str, Any]
    sets: dict[str, Scores]

    @property
    def of_images(self) -> bool:
        """Whether the sets are restorations of images, with which they are compared."""
        return "psnr" in self.sets.get("degraded", {})

    @pydantic.model_validator(mode="after")
    def sets_fit(self) -> Checkpoint:
        expected = {self.main, *(RESTORED if "improved" in self.sets else ())}
        if self.of_images:
            expected.add("median_filter")
        if absent := sorted(expected - set(self.sets)):
            raise ValueError(f"sets.{absent[0]} is missing")
        for name, scores in self.sets.items():
            if name not in INPUTS:
                further = RESTORATION if self.of_images else VALIDATION
                complete(scores, DISTANCE, *further, prefix=f"sets.{name}.")
        return self


def with_best(checkpoints: tuple[Checkpoint, ...]) -> tuple[Checkpoint, ...]:
    """Raises ValueError unless the checkpoints have the roles that the report shows."""
    for role in ("best", "last"):
        if sum(role in checkpoint.roles for checkpoint in checkpoints) != 1:
            raise ValueError(f"must have one checkpoint with the role {role}")
    return checkpoints


Checkpoints = Annotated[tuple[Checkpoint, ...], AfterValidator(with_best)]


class Studied(Result):
    """What a choice of the sampler needs of an entry of the step study."""

    __pydantic_extra__: dict[str, Number] = Field(init=False)  # the other scores
    steps: Count
    eta: NotNegative
    clip: bool
    fid: NotNegative
    fid_below: Number
    fid_above: Number


class StudyEntry(Studied):
    @pydantic.model_validator(mode="after")
    def scores_are_whole(self) -> StudyEntry:
        scores = self.model_dump(exclude={"steps", "eta", "clip"})
        signs(scores)
        complete(scores)
        return self


StepStudy = Annotated[tuple[StudyEntry, ...], Field(min_length=1)]
NoStudy = Annotated[tuple[StudyEntry, ...], Field(max_length=0)]  # of a model that restores


class Likelihood(Result):
    images: Count
    levels: Count
    bits: NotNegative
    standard_error: NotNegative
    independent_pixels: NotNegative
    lzma: NotNegative


class NoLikelihood(Section):
    """Of a model that is not categorical."""


class Row(pydantic.BaseModel):
    """A row of a table, which has text alone, and may have further columns."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


WholeNumber = Annotated[str, Field(pattern=r"^\d{1,19}$")]


class Epoch(Row):
    epoch: float
    images: float
    train_loss: float
    validation_loss: float
    learning_rate: float


class Prediction(Row):
    epoch: WholeNumber
    set: Text
    image: WholeNumber
    digit: Annotated[str, Field(pattern=r"^\d$")]
    confidence: float
    nearest: WholeNumber
    distance: float


class Compute(Row):
    model: Text
    epoch: WholeNumber
    multiply_adds: Annotated[float, Field(gt=0)]


class Measured(Row):
    """A row of report/measured: the setting that varies is in a subclass."""

    __pydantic_extra__: dict[str, Annotated[float, Field(ge=0)]] = Field(init=False)
    model: Text
    epoch: WholeNumber
    commit: Text
    settings: Text


class MeasuredNoise(Measured):
    noise: Annotated[float, Field(ge=0, le=1)]


class MeasuredSeed(Measured):
    seed: WholeNumber


class FilmFrame(Row):
    model: Text
    set: Text
    t: WholeNumber


class Fid(Row):
    model: Text
    epoch: WholeNumber
    fid: float


class Loss(Row):
    model: Text
    source: Text
    epoch: WholeNumber


class PublishedLosses(Row):
    epoch: Annotated[float, Field(ge=1)]
    train_loss: float
    val_loss: float


Pair = tuple[NotNegative, NotNegative]


class PublishedModel(Section):
    settings: dict[str, Any]
    inception_score: Pair | None = None
    fid: dict[int, NotNegative] | None = None
    best_epoch: Count | None = None
    validation_loss: NotNegative | None = None
    first_epoch: Pair | None = None
    minutes: NotNegative | None = None


class PublishedFigures(Section):
    progress: dict[str, int]
    digits: dict[str, str]


class Published(Section):
    epochs: Count
    early_epoch: Count
    images: Count
    samples: Count
    classifier_accuracy: Share
    models: dict[str, PublishedModel]
    figures: PublishedFigures

    @pydantic.model_validator(mode="after")
    def epochs_fit(self) -> Published:
        for name, model in self.models.items():
            known = model.fid is not None or model.validation_loss is not None
            if known and model.best_epoch is None:
                raise ValueError(f"models.{name}.best_epoch is missing")
            for epoch in (self.early_epoch, model.best_epoch, self.epochs):
                if model.fid is not None and epoch not in model.fid:
                    raise ValueError(f"models.{name}.fid.{epoch} is missing")
        return self


class AccuracyClaim(Section):
    kind: Literal["accuracy"]
    text: Text
    source: Text


class ModelClaim(Section):
    kind: Literal["loss", "best_epoch", "dominant", "regularisation", "generates"]
    text: Text
    source: Text
    model: Text


class DigitsClaim(Section):
    kind: Literal["digits"]
    text: Text
    source: Text
    model: Text
    often: Annotated[tuple[Digit, ...], Field(min_length=1)]
    rarely: tuple[Digit, ...] = ()


class PairClaim(Section):
    kind: Literal["loss_ratio", "balance"]
    text: Text
    source: Text
    model: Text
    than: Text


class OrderClaim(Section):
    kind: Literal["better", "worse"]
    text: Text
    source: Text
    model: Text
    than: Annotated[tuple[Text, ...], Field(min_length=1)]
    score: Literal["is", "fid"]


class Claims(Section):
    claims: Annotated[
        tuple[
            Annotated[
                AccuracyClaim | ModelClaim | DigitsClaim | PairClaim | OrderClaim,
                Field(discriminator="kind"),
            ],
            ...,
        ],
        Field(min_length=1),
    ]
