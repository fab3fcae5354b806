"""Sections `sampling` and `step_study`, and the block `sampler` of one model."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pydantic

from hotcold.runtime.params import Count, Section, Share

# Absent from dumps unless it is true, so that a description without it stays as it is.
Clip = Annotated[bool, pydantic.Field(exclude_if=lambda clip: not clip)]
# Likewise unless it differs from 1. See `samplers.guided`.
Guidance = Annotated[float, pydantic.Field(ge=0, le=100, exclude_if=lambda scale: scale == 1)]
Guidances = tuple[Annotated[float, pydantic.Field(ge=0, le=100)], ...]


class Ancestral(Section):
    """Algorithm 2, for a Gaussian process, over all T steps. clip: see `samplers.clipped`; the
    published algorithm does without. guidance: see `samplers.guided`."""

    main_set: ClassVar[str] = "ancestral"
    leaves_out_steps: ClassVar[bool] = True  # its model can, by DDIM
    kind: Literal["ancestral"] = "ancestral"
    clip: Clip = False
    guidance: Guidance = 1.0

    def steps_of(self, T: int) -> int:
        """Evaluations of the network for one image."""
        return T


class DDIM(Section):
    """DDIM on a subset of the steps, for a Gaussian process; eta 0 is deterministic. clip: see
    `samplers.clipped`; guidance: see `samplers.guided`."""

    main_set: ClassVar[str] = "ddim"
    leaves_out_steps: ClassVar[bool] = True
    kind: Literal["ddim"] = "ddim"
    steps: Count
    eta: Share = 0.0
    clip: Clip = False
    guidance: Guidance = 1.0

    def steps_of(self, T: int) -> int:
        """Evaluations of the network for one image."""
        return self.steps


class Categorical(Section):
    """Draws of grey levels on a subset of the steps, for a categorical prediction.

    eta: the share of pixels that are degraded again in each step. churn: instead of eta, how often
    a pixel is degraded again on average over all steps, as in Karras et al. (2022): eta is then
    churn / steps.
    """

    main_set: ClassVar[str] = "categorical"
    leaves_out_steps: ClassVar[bool] = True
    kind: Literal["categorical"] = "categorical"
    steps: Count
    eta: Share = 0.0
    churn: Annotated[float, pydantic.Field(ge=0, exclude_if=lambda churn: not churn)] = 0.0

    @pydantic.model_validator(mode="after")
    def _one_rate(self) -> Categorical:
        if self.eta and self.churn:
            raise ValueError(f"churn is {self.churn}, must be absent with eta")
        if self.churn > self.steps:
            raise ValueError(f"churn is {self.churn}, must not exceed steps, {self.steps}")
        return self

    @property
    def rate(self) -> float:
        """The share of pixels that are degraded again in each step."""
        return self.eta or self.churn / self.steps

    def steps_of(self, T: int) -> int:
        """Evaluations of the network for one image."""
        return self.steps


class InverseDissipation(Section):
    """Inverse heat dissipation over all T steps, for blur with noise. noise: the standard deviation
    of the noise that each step adds, as a multiple of that of the process."""

    main_set: ClassVar[str] = "inverse_dissipation"
    leaves_out_steps: ClassVar[bool] = False
    kind: Literal["inverse_dissipation"] = "inverse_dissipation"
    noise: Annotated[float, pydantic.Field(ge=0, le=10)] = 1.25

    def steps_of(self, T: int) -> int:
        """Evaluations of the network for one image."""
        return T


class Cold(Section):
    """Algorithm 4 and Algorithm 2 of Bansal et al., for any other cold process.

    Both start from the same degraded images. start: these are validation images (`validation`),
    images that the model was trained on (`train`), or, for impulse noise only, `noise`: every
    pixel is replaced by an impulse, so that nothing of an image is left.
    main_set: the images of Algorithm 4, the sampler of the published report.
    """

    main_set: ClassVar[str] = "naive"
    leaves_out_steps: ClassVar[bool] = False
    kind: Literal["cold"] = "cold"
    start: Literal["validation", "train", "noise"]

    def steps_of(self, T: int) -> int:
        """Evaluations of the network for one image, by both samplers."""
        return 2 * T


AnySampler = Ancestral | DDIM | Categorical | InverseDissipation | Cold
Sampler = Annotated[AnySampler, pydantic.Field(discriminator="kind")]


def samplers_for(degradation: str, predicts: str) -> tuple[str, ...]:
    """The kinds of sampler that a model can use."""
    if degradation == "gaussian":
        return ("ancestral", "ddim")
    if degradation == "dissipation":
        return ("inverse_dissipation",)
    return ("categorical",) if predicts == "categorical" else ("cold",)


class SamplingParams(Section):
    """images: of a checkpoint that is scored; progress_images: of each other checkpoint.

    epoch: its checkpoint is scored as well as `best` and `last`; if there is none, the nearest.
    guidances: that images of each class are drawn with, for a network with classes.
    """

    images: Annotated[int, pydantic.Field(ge=4)]
    progress_images: Count
    epoch: Count
    guidances: Guidances


class StepStudyParams(Section):
    """Every number of steps with every eta and, for a Gaussian process, every value of `clip`,
    each with as many images as `sampling.images`, because scores compare only at the same N.

    churns: instead of an eta, for a categorical prediction; those that exceed the number of steps
    are left out.
    """

    steps: Annotated[tuple[Count, ...], pydantic.Field(min_length=1)]
    etas: Annotated[tuple[Share, ...], pydantic.Field(min_length=1)]
    clips: Annotated[tuple[bool, ...], pydantic.Field(min_length=1)]
    churns: tuple[Annotated[float, pydantic.Field(gt=0)], ...] = ()
