"""What the block `sampler` of every kind has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_args

import pydantic

from hotcold.models.bases import Flag, ProcessParams
from hotcold.runtime.params import Count, Section, Share

Clip = Flag
# Absent from dumps unless it differs from 1. See `predictors.guided`.
Guidance = Annotated[float, pydantic.Field(ge=0, le=100, exclude_if=lambda scale: scale == 1)]
Guidances = tuple[Annotated[float, pydantic.Field(ge=0, le=100)], ...]


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


class SamplerParams(Section):
    """The block `sampler` of one kind: `kind` and others.

    sets: the sets of images that the sampler makes -> the name of each in figures and report; the
    first is the main one. restores: whether it makes images from degraded ones.
    leaves_out_steps: whether its model can be sampled in fewer than T steps. serves: kinds of
    process that do not name this sampler themselves -> the predictions that it takes.
    """

    required: ClassVar = ("sets",)
    serves: ClassVar[Mapping[str, Sequence[str]]] = {}
    sets: ClassVar[Mapping[str, str]]
    restores: ClassVar[bool] = False
    leaves_out_steps: ClassVar[bool] = False

    if TYPE_CHECKING:
        kind: str

    @property
    def main_set(self) -> str:
        """The set of images that all scores of the model are of."""
        return next(iter(self.sets))

    @property
    def from_training(self) -> bool:
        """Whether it starts from images that the model was trained on."""
        return getattr(self, "start", "") == "train"

    @property
    def from_noise(self) -> bool:
        """Whether it starts from noise alone although its process has a start from images."""
        return getattr(self, "start", "") == "noise"

    @property
    def scale(self) -> float:
        """The guidance, see `predictors.guided`; 1 for none."""
        return getattr(self, "guidance", 1.0)

    def steps_of(self, T: int) -> int:
        """Steps from x_T to x_0, `steps` or T; with several samplers in turn, those of all."""
        return getattr(self, "steps", T)

    def evaluations(self, T: int) -> int:
        """Evaluations of the network for an image of the main set; with guidance, two a step."""
        return self.steps_of(T) * (1 if self.scale in (0, 1) else 2)

    @classmethod
    def in_steps(cls) -> type[SamplerParams]:
        """The block, with `steps`, by which its model is sampled in fewer steps than T."""
        return cls

    @classmethod
    def complete(cls, T: int) -> SamplerParams:
        """The sampler over all T steps with default settings."""
        steps = {"steps": T} if "steps" in cls.model_fields else {}
        (kind,) = get_args(cls.model_fields["kind"].annotation)
        return cls.model_validate({"kind": kind} | steps)

    @classmethod
    def study(
        cls, grid: StepStudyParams, classes: int, guidances: Sequence[float]
    ) -> Iterator[SamplerParams]:
        """The samplers of the step study of a model with a sampler of this kind; none by default.

        classes: labels that the network knows; guidances: see `SamplingParams`.
        """
        yield from ()

    def setting(self) -> dict[str, Any]:
        """What names it in the step study."""
        return self.model_dump()

    @classmethod
    def variant(cls, setting: Mapping[str, Any]) -> str:
        """What differs between settings of the step study with as many steps, in words."""
        return next(iter(cls.sets.values()))

    def check(self, process: ProcessParams) -> None:
        """Raises ValueError, with the key, if the sampler does not fit the process."""
        if self.steps_of(process.T) > process.T:
            raise ValueError(
                f"sampler.steps is {self.steps_of(process.T)}, must not exceed degradation.T, "
                f"{process.T}"
            )

    def does(self, process: ProcessParams) -> str:
        """What a model does with this sampler, in words after its name."""
        name = self.sets[self.main_set]
        return f"generates images from {process.start} with the {name} sampler{self.how}"

    @property
    def how(self) -> str:
        """Its settings, in words that follow a comma."""
        return ""
