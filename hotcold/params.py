"""All of params.yaml, and what must hold between its sections."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated

import pydantic

from hotcold.classifier.params import ClassifierParams
from hotcold.data.params import TOTAL, DataParams
from hotcold.downloads.params import InceptionParams
from hotcold.likelihood.params import LikelihoodParams
from hotcold.metrics.params import EvaluationParams
from hotcold.models.params import DesignParams, Name
from hotcold.reporting.figures.params import FiguresParams
from hotcold.runtime.params import Precision, Section, Seed
from hotcold.sampling.bases import StepStudyParams
from hotcold.sampling.params import Sampler, SamplingParams, samplers_for
from hotcold.training.params import RecipeParams, TrainingParams

IMAGES_PER_SPLIT = 10  # of the inception score, which cannot exceed the images of a split


class ModelParams(DesignParams):
    """The block of one model."""

    training: RecipeParams
    sampler: Sampler

    @pydantic.model_validator(mode="after")
    def _sampler_fits(self) -> ModelParams:
        degradation, predicts = self.degradation, self.network.predicts
        allowed = samplers_for(degradation.kind, predicts)
        if self.sampler.kind not in allowed:
            raise ValueError(
                f"sampler.kind is '{self.sampler.kind}', must be "
                f"{' or '.join(map(repr, allowed))} for {degradation.kind} degradation that "
                f"predicts {predicts}"
            )
        self.sampler.check(degradation)
        for key, value, absent in (
            ("sampler.guidance", self.sampler.scale, 1),
            ("training.label_dropout", self.training.label_dropout, None),
        ):
            if value != absent and not self.classes:
                raise ValueError(f"{key} is {value}, must be absent without network.classes")
        return self


class Params(Section):
    """Every section of params.yaml."""

    seed: Seed
    precision: Precision
    data: DataParams
    classifier: ClassifierParams
    training: TrainingParams
    models: Annotated[dict[Name, ModelParams], pydantic.Field(min_length=1)]
    sampling: SamplingParams
    step_study: StepStudyParams
    evaluation: EvaluationParams
    likelihood: LikelihoodParams
    inception: InceptionParams
    figures: FiguresParams

    @pydantic.model_validator(mode="after")
    def _names_differ(self) -> Params:
        first: dict[str, str] = {}
        for name in self.models:
            other = first.setdefault(name.lower(), name)
            if other != name:
                raise ValueError(
                    f"models.{name} is not a valid name of a model, must differ from {other} in "
                    "more than case: some file systems ignore it"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _sizes_fit(self) -> Params:
        for key, limit_key in (
            ("training.images", "data.train"),
            ("training.validation_images", "data.validation"),
            ("classifier.batch_size", "classifier.images"),
            ("sampling.images", "data.held_out"),
        ):
            value, limit = attrgetter(key, limit_key)(self)
            if value > limit:
                raise ValueError(f"{key} is {value}, must not exceed {limit_key}, {limit}")
        images, limit = self.classifier.images, TOTAL - self.data.held_out
        if images > limit:
            raise ValueError(
                f"classifier.images is {images}, must not exceed {TOTAL} - data.held_out, {limit}"
            )
        splits, most = self.evaluation.splits, self.sampling.images // IMAGES_PER_SPLIT
        if splits > most:
            raise ValueError(
                f"evaluation.splits is {splits}, must not exceed {most}: each needs at least "
                f"{IMAGES_PER_SPLIT} of the {self.sampling.images} images of sampling.images"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _guidances_fit(self) -> Params:
        for name, model in ((name, m) for name, m in self.models.items() if m.classes):
            if not self.sampling.guidances:
                raise ValueError(f"sampling.guidances is [], must have some: {name} has labels")
            untrained = sorted({model.sampler.scale, *self.sampling.guidances} - {1})
            dropout = model.training.label_dropout
            if untrained and not dropout:
                raise ValueError(
                    f"models.{name}.training.label_dropout is {dropout}, must be more than 0: "
                    "without it, only guidance 1 is trained, and sampler.guidance and "
                    f"sampling.guidances have {', '.join(f'{scale:g}' for scale in untrained)}"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _step_study_fits(self) -> Params:
        for name, model in self.models.items():
            steps, T = max(self.step_study.steps), model.degradation.T
            if model.sampler.leaves_out_steps and steps > T:
                raise ValueError(
                    f"step_study.steps contains {steps}, must not exceed T of {name}, {T}"
                )
        return self

    def epochs(self, model: str) -> int:
        """The budget of a model in epochs."""
        return self.models[model].training.epochs or self.training.epochs
