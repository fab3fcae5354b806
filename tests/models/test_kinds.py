"""Kinds of process, network and sampler, found by the names of their folders."""

from types import ModuleType
from typing import Any, ClassVar, Literal

import pytest
from conftest import build_process
from examples import NETWORKS, PROCESSES

from hotcold.models import kinds
from hotcold.models.params import DesignParams
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Section, validate

EVERY = [(family, kind) for family in kinds.BEHAVIOUR for kind in kinds.names(family)]
FUNCTIONS = {"processes": "build", "networks": "build", "samplers": "run"}
BLOCKS = {
    "processes": list(PROCESSES.values()),
    "networks": [block | {"predicts": "x_0"} for block in NETWORKS.values()],
}


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_every_kind_has_a_behaviour_and_every_required_attribute(family: str, kind: str) -> None:
    block = kinds.params(family, kind)
    assert block.__doc__
    assert callable(kinds.behaviour(family, kind, FUNCTIONS[family]))
    if family == "samplers":
        examples: list[Any] = [block.complete(4)]
    else:
        own = [each for each in BLOCKS[family] if each["kind"] == kind]
        examples = [block.model_validate(each) for each in own]
    assert examples, f"tests/examples.py needs an example of {kind}"
    for example in examples:
        assert example.kind == kind
        for name in block.required:
            assert getattr(example, name), name


def fits(name: str, predicts: str) -> bool:
    """Whether params.yaml may have a model of one of PROCESSES with this prediction."""
    network = NETWORKS["unet"] | {"predicts": predicts}
    try:
        validate({"degradation": PROCESSES[name], "network": network}, DesignParams)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("kind", kinds.names("processes"))
def test_blocks_and_processes_allow_the_same_predictions(kind: str) -> None:
    declared, found = kinds.params("processes", kind).predictions, set()
    for name, block in PROCESSES.items():
        if block["kind"] == kind:
            process = build_process(name)
            assert process.kind == kind
            assert {each for each in declared if fits(name, each)} == set(process.predictions)
            found |= set(process.predictions)
    assert found == set(declared)
    for predicted in declared.values():
        assert predicted.symbol
        assert predicted.loss
        assert predicted.samplers
        assert set(predicted.samplers) <= set(kinds.names("samplers"))


@pytest.mark.parametrize("family", kinds.BEHAVIOUR)
@pytest.mark.parametrize("kind", ["other", "../downloads", "", ["cnn"], None, 3])
def test_kind_that_is_not_a_folder_is_refused_before_an_import(
    family: str, kind: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = kinds.names(family)
    monkeypatch.setattr(kinds, "names", lambda _: known)
    monkeypatch.setattr(kinds, "import_module", lambda name: pytest.fail(f"imports {name}"))
    with pytest.raises(ValueError, match=rf"^{kinds.KEYS[family]}\.kind is .*, must be one of '"):
        kinds.behaviour(family, kind, "build")


class Incomplete(Section):
    required: ClassVar = ("label", "T")
    label: ClassVar = "incomplete"

    kind: Literal["new"]


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ([], r"params\.py has 0 ProcessParams with kind: Literal\['new'\], must have 1"),
        ([Incomplete, Incomplete], r"params\.py has 2 ProcessParams with kind"),
        ([Incomplete], r"processes/new/params\.py: T of Incomplete is missing"),
    ],
)
def test_folder_that_is_not_complete_gets_a_sentence(
    classes: list[type], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType(__name__)
    for number, each in enumerate(classes):
        setattr(module, f"Block{number}", each)
    monkeypatch.setattr(kinds, "import_module", lambda name: module)
    with pytest.raises(UserError, match=sentence):
        kinds.params.__wrapped__("processes", "new")


@pytest.mark.parametrize("module", [ModuleType("empty"), None], ids=["empty", "missing"])
def test_folder_without_its_behaviour_or_its_params_gets_a_sentence(
    module: ModuleType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> ModuleType:
        if module is None:
            raise ModuleNotFoundError(name=name)
        return module

    monkeypatch.setattr(kinds, "names", lambda family: ["new"])
    monkeypatch.setattr(kinds, "import_module", find)
    with pytest.raises(UserError, match=r"samplers/new/sampler\.py must have the function run"):
        kinds.behaviour("samplers", "new", "run")
    if module is None:
        with pytest.raises(UserError, match=r"^hotcold/networks/new/params\.py is missing$"):
            kinds.params.__wrapped__("networks", "new")
