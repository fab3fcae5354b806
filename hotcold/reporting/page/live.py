"""Models that run in the page: their networks as data for report/templates/live."""

from __future__ import annotations

import base64
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hotcold.models.model import DiffusionModel
from hotcold.networks.unet.network import HEADS, Attention, TimeEmbedding
from hotcold.numerics import checkpoints
from hotcold.reporting.reading.results import ModelResults
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError

KINDS = ("generate", "restore")
LAYERS: dict[type[nn.Module], Callable[[Any], dict[str, Any]]] = {  # of report/templates/live
    nn.Conv2d: lambda m: {"op": "convolution", "stride": m.stride[0]},
    nn.GroupNorm: lambda m: {"op": "norm", "groups": m.num_groups, "eps": m.eps},
    nn.Linear: lambda m: {"op": "linear"},
    nn.Embedding: lambda m: {"op": "embedding"},
    TimeEmbedding: lambda m: {"op": "time", "omega": m.omega.tolist()},
    Attention: lambda m: LAYERS[nn.GroupNorm](m.norm) | {"op": "attention", "heads": HEADS},
}
FUNCTIONS = {F.silu: "silu", operator.add: "add", F.interpolate: "double"}
NOTHING = (nn.Identity, operator.getitem, "contiguous")  # they change the layout at most


def figures(models: Iterable[ModelResults]) -> dict[str, dict[str, Any]]:
    """The live figures that these models allow, each with its model as data.

    generate: digits on demand. restore: a drawn digit that impulse noise degrades. Of several
    models, the one with the fewest weights.
    """
    candidates: dict[str, list[ModelResults]] = {kind: [] for kind in KINDS}
    for m in models:
        if m.design.network.kind != "unet":
            continue
        if m.design.classes and m.kind == "gaussian" and m.sampler.kind == "ddim":
            candidates["generate"].append(m)
        if m.kind == "impulse" and m.predicts == "x_0" and m.sampler.kind == "cold":
            candidates["restore"].append(m)
    chosen = {key: min(found, key=size) for key, found in candidates.items() if found}
    return {
        key: described(DiffusionModel.load(paths.weights(m.name)))
        | {"model": m.name, "guidance": getattr(m.sampler, "guidance", 1.0)}
        for key, m in chosen.items()
    }


def size(model: ModelResults) -> int:
    """The number of weights."""
    return sum(x.size for x in checkpoints.load_arrays(paths.weights(model.name)).values())


def described(model: DiffusionModel) -> dict[str, Any]:
    """A model as data: `layers`, `weights`, its process and what it predicts."""
    return {
        "predicts": model.predicts,
        "T": model.process.T,
        "schedule": text(model.process.schedule.numpy().tobytes()),
        "layers": list(layers(model.module)),
        "weights": text(b"".join(packed(model.module))),
    }


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


class Tracer(fx.Tracer):
    """Follows the forward pass of a network down to LAYERS."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in LAYERS or super().is_leaf_module(m, module_qualified_name)


def traced(network: nn.Module) -> Iterator[tuple[fx.Node, nn.Module | None]]:
    """The operations of the forward pass in order, each with its module if it has one."""
    graph = Tracer().trace(network)
    fx.GraphModule(network, graph)  # which eliminate_dead_code needs
    graph.eliminate_dead_code()
    for node in graph.nodes:
        yield node, network.get_submodule(node.target) if node.op == "call_module" else None


def layers(network: nn.Module) -> Iterator[dict[str, Any]]:
    """The layers of a network in the order of its forward pass.

    from: the places of its inputs among all values: x_t, t / T, the label, and the outputs of the
    layers before. shapes: of its weights, which follow each other in `packed`. Raises UserError for
    a layer that the page does not have.
    """
    places: dict[fx.Node, int] = {}
    count = 0
    for node, module in traced(network):
        inputs = [places[each] for each in node.args if isinstance(each, fx.Node)]
        kind: Any = type(module) if module else node.target
        if node.op == "output":
            return
        if kind in NOTHING:
            places[node] = inputs[0]
            continue
        places[node] = count
        count += 1
        if node.op == "placeholder":
            continue
        if kind in FUNCTIONS:
            yield {"op": FUNCTIONS[kind], "from": inputs}
        elif kind in LAYERS:
            shapes = [list(p.shape) for p in module.parameters()] if module else []
            yield LAYERS[kind](module) | {"from": inputs, "shapes": shapes}
        else:
            name = getattr(kind, "__name__", kind)
            raise UserError(f"report/templates/live has no layer {name}, which {node.name} needs")


def packed(network: nn.Module) -> Iterator[bytes]:
    """The weights in the order of `layers`: matrices and kernels as `rounded`, the others
    in float16."""
    for _, module in traced(network):
        for weight in module.parameters() if module else ():
            parts = rounded(weight.data) if weight.ndim > 1 else (weight.data.half(),)
            yield from (part.numpy().tobytes() for part in parts)


def rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The scale of each row in float16, (rows,), and the weights divided by it in int8."""
    rows = weight.flatten(1)
    scale = (rows.abs().amax(1) / 127).half()
    whole = (rows / scale.float().clamp(min=1e-12)[:, None]).round().clamp(-127, 127)
    return scale, whole.to(torch.int8).view_as(weight)
