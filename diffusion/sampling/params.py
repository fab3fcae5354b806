"""Section `sampling`: how many images, of which checkpoints, by which reverse process."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from diffusion.runtime.params import Count, Section

Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Start = Literal["validation", "train", "noise"]


class Ancestral(Section):
    """Algorithm 2, of a Gaussian model."""

    kind: Literal["ancestral"] = "ancestral"


class Strided(Section):
    """DDIM of a Gaussian model; eta 0 is deterministic."""

    kind: Literal["strided"] = "strided"
    steps: Count
    eta: Share = 0.0


class Posterior(Section):
    """Draws of grey levels, of a categorical model; eta is the share of pixels that are degraded
    anew in each step."""

    kind: Literal["posterior"] = "posterior"
    steps: Count
    eta: Share = 0.0


class Cold(Section):
    """Algorithm 4 and Algorithm 2 of Bansal et al., of any other cold model."""

    kind: Literal["cold"] = "cold"
    start: Start


OfOneModel = Annotated[Ancestral | Strided | Posterior, pydantic.Field(discriminator="kind")]
Sampler = Annotated[Ancestral | Strided | Posterior | Cold, pydantic.Field(discriminator="kind")]


class Sampling(Section):
    """images: a checkpoint, for the scores; progress_images: at each earlier checkpoint.

    epoch: scored beside `best` and `last` (the nearest that the budget has).
    sampler, steps, eta: Gaussian models; steps and eta belong to `strided`.
    samplers: of single models, by name, in place of those three.
    start: what an impulse model restores, see stages.sample.
    batch_size: memory and speed only; results do not depend on it.
    """

    images: Annotated[int, pydantic.Field(ge=4)]
    progress_images: Count
    batch_size: Count
    epoch: Count
    sampler: Literal["ancestral", "strided"]
    steps: Count
    eta: Share
    samplers: dict[str, OfOneModel]
    start: Start
