"""The block of the solvers of a flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from hotcold.runtime.params import Count
from hotcold.sampling.bases import Guidance, SamplerParams, StepStudyParams

Method = Literal["euler", "heun"]
NAMES: dict[Method, str] = {"euler": "Euler", "heun": "Heun"}


class ODE(SamplerParams):
    """The ordinary differential equation of a flow, solved by Euler steps, or by Heun's method,
    which evaluates the network twice a step but once in the last. guidance: see
    `predictors.guided`."""

    sets: ClassVar = {"ode": "ODE"}
    leaves_out_steps: ClassVar = True

    kind: Literal["ode"] = "ode"
    method: Method = "euler"
    steps: Count
    guidance: Guidance = 1.0

    def evaluations(self, T: int) -> int:
        steps = 2 * self.steps - 1 if self.method == "heun" else self.steps
        return steps * (1 if self.guidance in (0, 1) else 2)

    @classmethod
    def study(
        cls, grid: StepStudyParams, classes: int, guidances: Sequence[float]
    ) -> Iterator[ODE]:
        """Every number of steps with each method; of a model with labels, every guidance with the
        most steps."""
        if classes:
            yield from (cls(steps=max(grid.steps), guidance=scale) for scale in guidances)
        else:
            for steps in grid.steps:
                yield from (cls(method=method, steps=steps) for method in NAMES)

    @classmethod
    def variant(cls, setting: Mapping[str, Any]) -> str:
        return f"{NAMES[setting['method']]} steps"

    @property
    def how(self) -> str:
        return f", in {self.steps} {NAMES[self.method]} steps"
