"""Hot diffusion: the block of flow matching."""

from typing import ClassVar, Literal

from hotcold.models.bases import Predicted, ProcessParams, Steps


class FlowParams(ProcessParams):
    """Flow matching: the share of noise rises linearly from 0 to 1 in T steps, on a straight line
    between an image and noise (Lipman et al. 2023; Liu et al. 2023)."""

    label: ClassVar = "flow"
    quantity: ClassVar = "share of noise s"
    start: ClassVar = "Gaussian noise"
    is_share: ClassVar = True
    takes_labels: ClassVar = True
    names_clean: ClassVar = False
    predictions: ClassVar = {
        "velocity": Predicted(("ode",), "velocity", "mean squared error of the velocity")
    }

    kind: Literal["flow"]
    T: Steps

    @property
    def range(self) -> str:
        return "0 to 1"
