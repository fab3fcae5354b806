"""The loss of a batch and its gradients; on CUDA, forward and backward are one captured graph.

A step of these networks starts hundreds of operations of microseconds each, and a GPU waits for
them to be started. A CUDA graph starts all of them at once, but always with the same memory: the
batch is copied into the tensors that were captured. Drawing the batch, the optimiser, the learning
rate and the EMA of the weights are outside of the graph.
"""

import os
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics import distributed
from hotcold.numerics.devices import autocast
from hotcold.numerics.pixels import SIDE
from hotcold.runtime.errors import UserError

COMPILE = "COMPILE"  # environment variable: 0 runs every operation by itself, on CUDA too
# Steps of a training: compiling takes 10 to 25 s, which is more than a shorter one gains.
MIN_COMPILED_STEPS = 5000
WARM_UP = 3  # runs before the capture, in which libraries allocate and select their kernels

# x_0 (N, 1, 28, 28) in [-0.5, 0.5], t (N,) in 1..T, noise as `process.draw_noise` draws it, and for
# a network with classes the labels (N,)
Batch = tuple[Tensor, ...]
Capture = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]  # a function -> its replay


class Step:
    """step(*batch): the loss of a `Batch`, a scalar without gradient; the gradients are in p.grad.

    dtype: of matrix products.
    """

    def __init__(self, model: DiffusionModel, dtype: torch.dtype) -> None:
        self.model, self.dtype = model, dtype

    def __call__(self, *batch: Tensor) -> Tensor:
        with autocast(batch[0].device, self.dtype):
            value = self.model.loss(*batch)
        self.model.module.zero_grad(set_to_none=True)
        value.backward()
        return value.detach()


class CapturedStep(Step):
    """A step that replays captured operations; a batch of another shape runs without the capture.

    compiled: the network too, by torch.compile. Raises whatever the compiler or CUDA raise if they
    do not support an operation of the model.
    """

    def __init__(
        self,
        model: DiffusionModel,
        dtype: torch.dtype,
        batch_size: int,
        compiled: bool,
        capture: Capture | None = None,
    ) -> None:
        super().__init__(model, dtype)
        x_0 = torch.zeros(batch_size, 1, SIDE, SIDE, device=model.device)
        steps = torch.ones(batch_size, dtype=torch.long, device=model.device)
        labels = (steps.clone(),) if model.classes else ()
        self.batch: Batch = (x_0, steps, x_0.clone(), *labels)
        network = torch.compile(model.module, dynamic=False) if compiled else model.network
        step = Step(replace(model, network=network), dtype)
        model.module.train()  # dropout belongs to the capture
        self.replay = (capture or cuda_graph)(lambda: step(*self.batch))
        self.parameters = list(model.module.parameters())
        self.gradients = [parameter.grad for parameter in self.parameters]

    def __call__(self, *batch: Tensor) -> Tensor:
        if [x.shape for x in batch] != [x.shape for x in self.batch]:
            return super().__call__(*batch)
        for static, values in zip(self.batch, batch, strict=True):
            static.copy_(values)
        value = self.replay().clone()  # the next replay writes to the same memory
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        return value


def cuda_graph(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Capture the operations of a function on the current GPU as one CUDA graph.

    Each call of the result runs them again, on the same memory, and returns the same tensor. As
    `function` deletes old gradients before its backward pass, the gradients, too, are in memory of
    the graph. Random numbers of the default generator differ from call to call and follow
    torch.manual_seed.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = function()

    def replay() -> Tensor:
        graph.replay()
        return value

    return replay


def build_step(
    model: DiffusionModel, dtype: torch.dtype, batch_size: int, steps: int, label: str = "training"
) -> Step:
    """The fastest step that this device supports: on one CUDA device a captured one, compiled if
    the training has MIN_COMPILED_STEPS, elsewhere and on several ranks a plain `Step`.

    batch_size: of the captured batches; steps: of the complete training. If compiler or capture
    fail, a line that starts with the label reports it, and the training does without.
    Raises UserError for a value of COMPILE that is neither 0 nor 1.
    """
    wanted = os.environ.get(COMPILE, "1")
    if wanted not in ("0", "1"):
        raise UserError(f"{COMPILE} is '{wanted}', must be 0 or 1")
    if wanted == "0" or distributed.size() > 1 or model.device.type != "cuda":
        return Step(model, dtype)
    attempts = [False] if steps < MIN_COMPILED_STEPS else [True, False]
    for compiled in attempts:
        try:
            return CapturedStep(model, dtype, batch_size, compiled)
        except Exception as error:  # compiler, driver and C++ toolchain raise many kinds
            tried = "torch.compile" if compiled else "a CUDA graph"
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"{label}: continues without {tried} ({reason})", flush=True)
    return Step(model, dtype)
