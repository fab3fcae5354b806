"""What the block `sampler` of every kind has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_args

import pydantic
from typing_extensions import Self

from hotcold.models.bases import Flag, ProcessParams
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Count, Section, Share, validate

Clip = Flag
GuidanceScale = Annotated[float, pydantic.Field(ge=0, le=100)]
Guidances = tuple[GuidanceScale, ...]
# Absent from dumps unless it differs from 1. See `predictors.guided`.
Guidance = Annotated[GuidanceScale, pydantic.Field(exclude_if=lambda scale: scale == 1)]
# Name -> grid of settings, each a value or several of them
Grids = dict[str, dict[str, Any]]


def subset_of_steps(T: int, steps: int) -> list[int]:
    """`steps` step numbers from T down, evenly spaced over 1..T, then 0; consecutive ones differ
    by T // steps or one more. Raises ValueError unless 1 <= steps <= T."""
    if not 1 <= steps <= T:
        raise ValueError(f"steps is {steps}, must be in 1..{T}")
    return [round(T * k / steps) for k in range(steps, -1, -1)]


class Autoguidance(Section):
    """Autoguidance (Karras et al. 2024) by the same model at an earlier epoch, one of
    `training.checkpoints`; see `predictors.guided`."""

    checkpoint: Count
    weight: Annotated[float, pydantic.Field(gt=1, le=100)]


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

    def steps_of(self, T: int) -> int:
        """Steps from x_T to x_0, `steps` or T; with several samplers in turn, those of all."""
        return getattr(self, "steps", T)

    def evaluations(self, T: int) -> int:
        """Evaluations of networks for an image of the main set."""
        return self.steps_of(T)

    def at(self, epoch: int) -> Self:
        """The sampler of the checkpoint of an epoch: without what needs another checkpoint that is
        not earlier."""
        return self

    @classmethod
    def in_steps(cls) -> type[SamplerParams]:
        """The block, with `steps`, by which its model is sampled in fewer steps than T."""
        return cls

    @classmethod
    def complete(cls, T: int) -> SamplerParams:
        """The sampler over all T steps with default settings."""
        steps = {"steps": T} if "steps" in cls.model_fields else {}
        return cls.model_validate({"kind": kind_of(cls)} | steps)

    @classmethod
    def study(cls, grids: Grids, classes: int) -> list[SamplerParams]:
        """The samplers of the step study of a model with a sampler of this kind: all combinations
        of each grid in `step_study.<kind>`. A grid with a guidance is of models with labels, others
        are of those without. Raises UserError for a setting that is refused."""
        block = cls.in_steps()
        kind = {"kind": kind_of(block)}
        found = []
        for name, grid in grids.items():
            place = ("step_study", kind_of(cls), name)
            if ("guidance" in grid) == bool(classes):
                settings = combinations(grid, ".".join(place))
                found += [validate(kind | each, block, prefix=place) for each in settings]
        return found

    @property
    def words(self) -> list[str]:
        """Its settings but the number of steps, such as ['η = 1', 'clipped']."""
        return []

    @property
    def variant(self) -> str:
        """These settings as one name, or that of the sampler."""
        return ", ".join(self.words) or self.sets[self.main_set]

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
        steps = f"in {self.steps} steps" if hasattr(self, "steps") else ""
        settings = f"with {', '.join(self.words)}" if self.words else ""
        return ", " + " ".join(filter(None, (steps, settings))) if steps or settings else ""


class GuidedParams(SamplerParams):
    """The block of a sampler with guidance, see `predictors.guided`.

    guidance_interval: shares (low, high] of t / T in which guidance and autoguidance act
    (Kynkäänniemi et al. 2024); elsewhere the prediction is that with the label.
    """

    guidance: Guidance = 1.0
    guidance_interval: Annotated[
        tuple[Share, Share] | None, pydantic.Field(exclude_if=lambda ends: ends is None)
    ] = None
    autoguidance: Annotated[
        Autoguidance | None, pydantic.Field(exclude_if=lambda block: block is None)
    ] = None

    @pydantic.model_validator(mode="after")
    def _interval_fits(self) -> Self:
        ends = self.guidance_interval
        if ends and ends[0] >= ends[1]:
            raise ValueError(f"guidance_interval is {list(ends)}, must be [low, high], low < high")
        if ends and self.guidance in (0, 1) and not self.autoguidance:
            raise ValueError(
                f"guidance_interval is {list(ends)}, must be absent without guidance or "
                "autoguidance"
            )
        return self

    def at(self, epoch: int) -> Self:
        if not self.autoguidance or self.autoguidance.checkpoint < epoch:
            return self
        left = None if self.guidance in (0, 1) else self.guidance_interval
        return self.model_copy(update={"autoguidance": None, "guidance_interval": left})

    def guides(self, t: int, T: int) -> bool:
        """Whether guidance acts at step t."""
        low, high = self.guidance_interval or (0.0, 1.0)
        return low < t / T <= high

    def evaluated_at(self, T: int) -> list[int]:
        """The steps t at which it asks for a prediction."""
        return subset_of_steps(T, self.steps_of(T))[:-1]

    def evaluations(self, T: int) -> int:
        more = (self.guidance not in (0, 1)) + (self.autoguidance is not None)
        return sum(1 + more * self.guides(t, T) for t in self.evaluated_at(T))

    @property
    def words(self) -> list[str]:
        words = [] if self.guidance == 1 else [f"guidance {self.guidance:g}"]
        if auto := self.autoguidance:
            words.append(f"autoguidance {auto.weight:g} by epoch {auto.checkpoint}")
        if ends := self.guidance_interval:
            words.append(f"for {ends[0]:g} < t/T ≤ {ends[1]:g}")
        return words


def kind_of(block: type[SamplerParams]) -> str:
    """The name of a kind."""
    (kind,) = get_args(block.model_fields["kind"].annotation)
    return kind


def combinations(grid: Mapping[str, Any], place: str) -> Iterator[dict[str, Any]]:
    """All settings of a grid, whose values are values, lists of them, or again grids; place: for
    messages."""
    columns = []
    for key, value in grid.items():
        if isinstance(value, Mapping):
            value = tuple(combinations(value, f"{place}.{key}"))
        columns.append(value if isinstance(value, tuple | list) else (value,))
        if not columns[-1]:
            raise UserError(f"{paths.PARAMS}: {place}.{key} is (), must have a value")
    for values in itertools.product(*columns):
        yield dict(zip(grid, values, strict=True))
