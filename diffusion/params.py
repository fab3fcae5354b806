"""The whole of params.yaml, and what must hold between its sections."""

from __future__ import annotations

import pydantic

from diffusion.classifier_params import Classifier
from diffusion.metrics.params import Evaluation
from diffusion.metrics.step_study_params import StepStudy
from diffusion.mnist_params import Data
from diffusion.models.params import Model, Models
from diffusion.reporting.params import Figures
from diffusion.runtime.params import Section, Seed
from diffusion.sampling.params import Ancestral, Cold, Posterior, Sampler, Sampling, Strided
from diffusion.training.params import Training


class Params(Section):
    """Every section of params.yaml."""

    seed: Seed
    data: Data
    classifier: Classifier
    training: Training
    models: Models
    sampling: Sampling
    step_study: StepStudy
    evaluation: Evaluation
    figures: Figures

    @pydantic.model_validator(mode="after")
    def _budget_fits_data(self) -> Params:
        for key, value, limit, why in (
            ("training.images", self.training.images, self.data.train, "data.train"),
            (
                "training.validation_images",
                self.training.validation_images,
                self.data.validation,
                "data.validation",
            ),
            (
                "classifier.images",
                self.classifier.images,
                60_000 - self.data.held_out,
                "60000 - data.held_out",
            ),
            (
                "classifier.batch_size",
                self.classifier.batch_size,
                self.classifier.images,
                "classifier.images",
            ),
            ("sampling.images", self.sampling.images, self.data.held_out, "data.held_out"),
            ("evaluation.splits", self.evaluation.splits, self.sampling.images, "sampling.images"),
        ):
            if value > limit:
                raise ValueError(f"{key} is {value}, must not exceed {why}, {limit}")
        return self

    @pydantic.model_validator(mode="after")
    def _samplers_fit_models(self) -> Params:
        for name in self.sampling.samplers:
            if name not in self.models:
                known = ", ".join(self.models)
                raise ValueError(f"sampling.samplers.{name} is of no model, must be of {known}")
        for name, model in self.models.items():
            own, T = self.sampling.samplers.get(name), model.degradation.T
            if own:
                kinds = _kinds(model)
                if own.kind not in kinds:
                    words = " or ".join(f"'{kind}'" for kind in kinds)
                    raise ValueError(
                        f"sampling.samplers.{name}.kind is '{own.kind}', must "
                        + (f"be {words}" if words else "be absent: both cold samplers are used")
                    )
            key = f"sampling.samplers.{name}.steps" if own else "sampling.steps"
            asked = [(key, getattr(self.sampler(name), "steps", 1))]
            if _kinds(model):
                asked += [("step_study.steps", steps) for steps in self.step_study.steps]
            for key, steps in asked:
                if steps > T:
                    raise ValueError(f"{key} is {steps}, must not exceed T of {name}, {T}")
        return self

    def sampler(self, name: str) -> Sampler:
        """By what images of a model are drawn. A categorical model takes all of its steps where
        params.yaml names no sampler for it."""
        model, params = self.models[name], self.sampling
        if name in params.samplers:
            return params.samplers[name]
        if model.prediction == "categorical":
            return Posterior(steps=model.degradation.T)
        if model.degradation.kind != "gaussian":
            return Cold(start=params.start)
        if params.sampler == "strided":
            return Strided(steps=params.steps, eta=params.eta)
        return Ancestral()


def _kinds(model: Model) -> tuple[str, ...]:
    """The samplers that a model may name."""
    if model.degradation.kind == "gaussian":
        return ("ancestral", "strided")
    return ("posterior",) if model.prediction == "categorical" else ()
