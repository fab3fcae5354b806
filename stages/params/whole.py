"""The whole of params.yaml, and what must hold between its sections."""

from __future__ import annotations

import pydantic

from stages.params.classifier import Classifier
from stages.params.data import Data
from stages.params.evaluation import Evaluation
from stages.params.figures import Figures
from stages.params.models import Models
from stages.params.reader import Section, Seed
from stages.params.sampling import Sampling
from stages.params.step_study import StepStudy
from stages.params.training import Training


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
        for name, model in self.models.items():
            T, gaussian = model.degradation.T, model.degradation.kind == "gaussian"
            asked = []
            if gaussian and self.sampling.sampler == "strided" and not model.sampler:
                asked.append(("sampling.steps", self.sampling.steps))
            if gaussian or model.prediction == "categorical":
                asked += [("step_study.steps", steps) for steps in self.step_study.steps]
            for key, steps in asked:
                if steps > T:
                    raise ValueError(f"{key} is {steps}, must not exceed T of {name}, {T}")
        return self
