"""The block of the solvers of a flow."""

from typing import ClassVar, Literal

from hotcold.runtime.params import Count
from hotcold.sampling.bases import GuidedParams, subset_of_steps

Method = Literal["euler", "heun"]
NAMES: dict[Method, str] = {"euler": "Euler's method", "heun": "Heun's method"}


class ODE(GuidedParams):
    """The ordinary differential equation of a flow, solved by Euler steps, or by Heun's method,
    which evaluates the network twice a step but once in the last."""

    sets: ClassVar = {"ode": "ODE"}
    leaves_out_steps: ClassVar = True

    kind: Literal["ode"] = "ode"
    method: Method = "euler"
    steps: Count

    def evaluated_at(self, T: int) -> list[int]:
        path = subset_of_steps(T, self.steps)
        return path[:-1] + (path[1:-1] if self.method == "heun" else [])

    @property
    def words(self) -> list[str]:
        return [NAMES[self.method], *super().words]
