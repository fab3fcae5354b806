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
from hotcold.models import kinds
from hotcold.models.params import DesignParams, Name
from hotcold.reporting.figures.params import FiguresParams
from hotcold.runtime.errors import bounded
from hotcold.runtime.params import Precision, Section, Seed
from hotcold.sampling.bases import StepStudy
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
            ("sampler.guidance", getattr(self.sampler, "guidance", 1), 1),
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
    step_study: StepStudy
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
            studied = model.sampler.study(self.step_study, model.classes)
            scales = {getattr(each, "guidance", 1) for each in (model.sampler, *studied)}
            untrained = sorted({*scales, *self.sampling.guidances} - {1})
            dropout = model.training.label_dropout
            if untrained and not dropout:
                raise ValueError(
                    f"models.{name}.training.label_dropout is {dropout}, must be more than 0: "
                    "without it, only guidance 1 is trained, and sampler.guidance, "
                    "sampling.guidances and step_study have "
                    f"{', '.join(f'{scale:g}' for scale in untrained)}"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _step_study_fits(self) -> Params:
        blocks = {kind: kinds.params("samplers", kind) for kind in kinds.names("samplers")}
        known = [
            kind
            for kind, block in blocks.items()
            if block.in_steps() is block and block.leaves_out_steps
        ]
        for kind, grids in self.step_study.items():
            if kind not in known:
                raise ValueError(
                    f"step_study.{kind} is {bounded(repr(grids))}, must be "
                    f"{', '.join(known[:-1])} or {known[-1]}: a sampler that can leave out steps"
                )
            for labels in (0, 1):
                blocks[kind].study(self.step_study, labels)
        for name, model in self.models.items():
            sampler, T = model.sampler, model.degradation.T
            studied = sampler.study(self.step_study, model.classes)
            steps = max((each.steps_of(T) for each in studied), default=0)
            if steps > T:
                raise ValueError(
                    f"step_study.{studied[0].kind} has {steps} steps, must not exceed T of {name}, "
                    f"{T}"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _checkpoints_exist(self) -> Params:
        for name, model in self.models.items():
            auto = getattr(model.sampler, "autoguidance", None)
            kept = [e for e in self.training.checkpoints if e < self.epochs(name)]
            if auto and auto.checkpoint not in kept:
                raise ValueError(
                    f"models.{name}.sampler.autoguidance.checkpoint is {auto.checkpoint}, must be "
                    f"one of training.checkpoints before its last epoch, {kept}"
                )
        for name, model in self.models.items():
            kept = [e for e in self.training.checkpoints if e < self.epochs(name)]
            for studied in model.sampler.study(self.step_study, model.classes):
                auto = getattr(studied, "autoguidance", None)
                if auto and auto.checkpoint < self.epochs(name) and auto.checkpoint not in kept:
                    raise ValueError(
                        f"step_study.{studied.kind} has the autoguidance.checkpoint "
                        f"{auto.checkpoint}, must be one of training.checkpoints, {kept}"
                    )
        return self

    def epochs(self, model: str) -> int:
        """The budget of a model in epochs."""
        return self.models[model].training.epochs or self.training.epochs
