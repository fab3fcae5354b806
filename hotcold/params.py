"""All of params.yaml, and what must hold between its sections."""

from __future__ import annotations

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
from hotcold.sampling.params import (
    Cold,
    Sampler,
    SamplingParams,
    StepStudyParams,
    samplers_for,
)
from hotcold.training.params import RecipeParams, TrainingParams


class ModelParams(DesignParams):
    """The block of one model."""

    training: RecipeParams
    sampler: Sampler

    @pydantic.model_validator(mode="after")
    def _sampler_fits(self) -> ModelParams:
        allowed = samplers_for(self.degradation.kind, self.network.predicts)
        if self.sampler.kind not in allowed:
            words = " or ".join(f"'{kind}'" for kind in allowed)
            raise ValueError(
                f"sampler.kind is '{self.sampler.kind}', must be {words} for "
                f"{self.degradation.kind} degradation that predicts {self.network.predicts}"
            )
        self._guidance_fits()
        if isinstance(self.sampler, Cold):
            if self.sampler.start == "noise" and self.degradation.kind != "impulse":
                raise ValueError(
                    "sampler.start is 'noise', must be 'validation' or 'train' for "
                    f"{self.degradation.kind} degradation"
                )
        elif self.sampler.steps_of(self.degradation.T) > self.degradation.T:
            raise ValueError(
                f"sampler.steps is {self.sampler.steps_of(self.degradation.T)}, "
                f"must not exceed degradation.T, {self.degradation.T}"
            )
        return self

    def _guidance_fits(self) -> None:
        guidance, dropout = getattr(self.sampler, "guidance", 1), self.training.label_dropout
        if self.classes:
            return
        for key, value, absent in (
            ("sampler.guidance", guidance, 1),
            ("training.label_dropout", dropout, None),
        ):
            if value != absent:
                raise ValueError(f"{key} is {value}, must be absent without network.classes")


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
        data, training, classifier = self.data, self.training, self.classifier
        not_held_out = TOTAL - data.held_out
        for key, value, limit_key, limit in (
            ("training.images", training.images, "data.train", data.train),
            (
                "training.validation_images",
                training.validation_images,
                "data.validation",
                data.validation,
            ),
            ("classifier.images", classifier.images, f"{TOTAL} - data.held_out", not_held_out),
            (
                "classifier.batch_size",
                classifier.batch_size,
                "classifier.images",
                classifier.images,
            ),
            ("sampling.images", self.sampling.images, "data.held_out", data.held_out),
            (
                "evaluation.splits",
                self.evaluation.splits,
                "sampling.images",
                self.sampling.images,
            ),
        ):
            if value > limit:
                raise ValueError(f"{key} is {value}, must not exceed {limit_key}, {limit}")
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
