"""What report/published and report/measured must contain: schemas for `sources`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import ConfigDict, Field

from hotcold.runtime.params import Count, Section, Share
from hotcold.scores import SCORES

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NotNegative = Annotated[Number, Field(ge=0)]
Digit = Annotated[int, Field(ge=0, le=9)]
Text = Annotated[str, Field(min_length=1)]
WholeNumber = Annotated[str, Field(pattern=r"^\d{1,19}$")]


class Row(pydantic.BaseModel):
    """A row of a table, which has text alone, and may have further columns."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class Measured(Row):
    """A row of report/measured, but for the setting that varies."""

    __pydantic_extra__: dict[str, float] = Field(init=False)  # scores
    model: Text
    epoch: WholeNumber
    commit: Text
    code: Text
    torch: Text
    settings: Text

    @pydantic.model_validator(mode="after")
    def signs_fit(self) -> Measured:
        signed = {score.key for score in SCORES if score.signed}
        for key, value in self.__pydantic_extra__.items():
            if value < 0 and key not in signed:
                raise ValueError(f"{key} is {value}, must be 0 or more")
        return self


def measured(**columns: Any) -> type[Measured]:
    """The schema of a table; columns: the one that varies and further ones, with their types."""
    fields: Any = {name: (kind, ...) for name, kind in columns.items()}
    return pydantic.create_model("Row", __base__=Measured, **fields)


class PublishedLosses(Row):
    epoch: Annotated[float, Field(ge=1)]
    train_loss: float
    val_loss: float


Pair = tuple[NotNegative, NotNegative]


class PublishedModel(Section):
    kind: tuple[Text, bool]
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


class Claim(Section):
    text: Text
    source: Text
    article: bool = False  # whether its table of the most important claims has it


class AccuracyClaim(Claim):
    kind: Literal["accuracy"]


class ModelClaim(Claim):
    kind: Literal["loss", "best_epoch", "dominant", "regularisation", "generates"]
    model: Text


class DigitsClaim(Claim):
    kind: Literal["digits"]
    model: Text
    often: Annotated[tuple[Digit, ...], Field(min_length=1)]
    rarely: tuple[Digit, ...] = ()


class PairClaim(Claim):
    kind: Literal["loss_ratio", "balance"]
    model: Text
    than: Text


class OrderClaim(Claim):
    kind: Literal["better", "worse"]
    model: Text
    than: Annotated[tuple[Text, ...], Field(min_length=1)]
    score: Literal["is", "fid"]


AnyClaim = AccuracyClaim | ModelClaim | DigitsClaim | PairClaim | OrderClaim


class Author(pydantic.BaseModel):
    name: Text


class Citation(pydantic.BaseModel):
    """The keys of CITATION.cff that the article shows."""

    title: Text
    version: Text
    license: Text
    released: Annotated[str, Field(alias="date-released", pattern=r"^\d{4}-\d\d-\d\d$")]
    authors: Annotated[tuple[Author, ...], Field(min_length=1)]


class LeftOut(Section):
    text: Text
    reason: Text


class Claims(Section):
    left_out: tuple[LeftOut, ...] = ()
    claims: Annotated[
        tuple[Annotated[AnyClaim, Field(discriminator="kind")], ...], Field(min_length=1)
    ]
