"""What every sampler has, whatever its kind."""

import pytest
import torch
from conftest import build_process
from examples import FIELDS, PROCESSES
from torch import Tensor, nn

from hotcold.models import kinds
from hotcold.models.model import DiffusionModel
from hotcold.numerics.rng import Stream
from hotcold.sampling.bases import SamplerParams
from hotcold.sampling.draw import DrawOptions, draw
from hotcold.sampling.film import Film
from hotcold.sampling.params import samplers_for

# Every sampler that a prediction names or that serves it, with the process and the prediction
USES = [
    (sampler, name, predicts)
    for name in PROCESSES
    for predicts in build_process(name).predictions
    for sampler in samplers_for(PROCESSES[name]["kind"], predicts)
]
EVERY_FIELD = [
    (sampler, field)
    for sampler in kinds.names("samplers")
    for field in kinds.params("samplers", sampler).model_fields
    if field != "kind"
]


class Wave(nn.Module):
    """A network whose output depends on the state, on t and on the label."""

    classes = 10

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.channels = max(levels, 1)

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        phase = 10 * t + (0 if label is None else label / 10)
        x = torch.sin(3 * x_t[:, :1] + phase.view(-1, 1, 1, 1))
        return x * torch.arange(1, self.channels + 1).view(1, -1, 1, 1)


class Kept(DiffusionModel):
    """Its earlier checkpoint has another network."""

    def checkpoint(self, epoch: int) -> DiffusionModel:
        return DiffusionModel(lambda *_: _[0] / epoch, self.process, self.predicts)


def drawn(
    name: str, predicts: str, sampler: SamplerParams, film: Film | None = None
) -> dict[str, Tensor]:
    """The sets of five images of a model of `Wave`."""
    process = build_process(name)
    model = Kept(Wave(process.levels), process, predicts)
    originals = torch.linspace(-0.4, 0.4, 5 * 784).view(5, 1, 28, 28)
    return draw(model, originals, sampler, Stream(0, "test"), DrawOptions(film=film))


def test_every_sampler_is_used_by_a_prediction() -> None:
    assert {sampler for sampler, *_ in USES} == set(kinds.names("samplers"))


@pytest.mark.parametrize(("sampler", "name", "predicts"), USES)
def test_complete_sampler_runs_over_all_steps_and_makes_its_sets(
    sampler: str, name: str, predicts: str
) -> None:
    process, block = build_process(name), kinds.params("samplers", sampler)
    complete, film = block.complete(process.T), Film(process.T)
    block.model_validate(complete.model_dump())
    complete.check(kinds.params("processes", process.kind).model_validate(PROCESSES[name]))
    sets = drawn(name, predicts, complete, film)
    assert block.sets.keys() <= sets.keys()
    assert next(iter(sets)) == complete.main_set
    assert all(x.shape == (5, 1, 28, 28) and x.dtype == torch.uint8 for x in sets.values())
    assert film.states()[1] == {key: list(range(process.T, -1, -1)) for key in block.sets}
    assert complete.steps_of(process.T) == process.T * len(block.sets)


@pytest.mark.parametrize(("sampler", "field"), EVERY_FIELD)
def test_every_field_of_a_sampler_changes_the_images(sampler: str, field: str) -> None:
    _, name, predicts = next(use for use in USES if use[0] == sampler)
    complete = kinds.params("samplers", sampler).complete(build_process(name).T)
    if field == "guidance_interval":
        complete = complete.model_validate(complete.model_dump() | {"guidance": 3.0})
    other = complete.model_validate(complete.model_dump() | {field: FIELDS[field]})
    main = complete.main_set
    images, again, changed = (drawn(name, predicts, s)[main] for s in (complete, complete, other))
    assert torch.equal(images, again)
    assert not torch.equal(images, changed)
