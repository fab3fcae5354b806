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
from hotcold.runtime.params import Precision, Section, Seed, nearest
from hotcold.sampling.bases import Grids, SamplerParams
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
    step_study: dict[str, Grids]  # by kind of sampler
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
            samplers = (model.sampler, *self.studied(name))
            scales = {getattr(each, "guidance", 1) for each in samplers}
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
        for kind, grids in self.step_study.items():
            known = kinds.names("samplers")
            if kind not in known:
                hint = nearest(kind, known) or f" (they are {', '.join(known)})"
                raise ValueError(
                    f"step_study.{kind} is {bounded(repr(grids))}: not a kind of sampler{hint}"
                )
            block = kinds.params("samplers", kind)
            if grids and not block.leaves_out_steps:
                raise ValueError(
                    f"step_study.{kind} is {bounded(repr(grids))}, must be {{}}: this sampler "
                    "takes all steps"
                )
            for labels in (0, 1):
                block.study(grids, labels)
        for name, model in self.models.items():
            kind, T = model.sampler.kind, model.degradation.T
            if kind not in self.step_study:
                raise ValueError(
                    f"step_study.{kind} is missing, must be there for {name}: {{}} studies nothing"
                )
            steps = max((each.steps_of(T) for each in self.studied(name)), default=0)
            if steps > T:
                raise ValueError(
                    f"step_study.{kind} has {steps} steps, must not exceed T of {name}, {T}"
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
            for studied in self.studied(name):
                auto = getattr(studied, "autoguidance", None)
                if auto and auto.checkpoint < self.epochs(name) and auto.checkpoint not in kept:
                    raise ValueError(
                        f"step_study.{model.sampler.kind} has the autoguidance.checkpoint "
                        f"{auto.checkpoint}, must be one of training.checkpoints, {kept}"
                    )
        return self

    def studied(self, model: str) -> list[SamplerParams]:
        """The samplers of the step study of a model."""
        block = self.models[model]
        return block.sampler.study(self.step_study.get(block.sampler.kind, {}), block.classes)

    def epochs(self, model: str) -> int:
        """The budget of a model in epochs."""
        return self.models[model].training.epochs or self.training.epochs
