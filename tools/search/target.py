"""The stage that a search runs, as the project's dvc.yaml describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo
from scmrepo.exceptions import SCMError

from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, nearest
from tools.experiments import flat
from tools.search.space import Key


@dataclass(frozen=True)
class Target:
    """A stage together with all stages that it depends on."""

    stage: str
    metric_files: list[str]
    params: list[str]  # the keys of params.yaml, or sections, that the stages read

    def check(self, keys: Sequence[Key]) -> None:
        """Raises UserError for a key that no stage reads: all trials would be equal."""
        for key in keys:
            if not any(_within(key.name, own) or _within(own, key.name) for own in self.params):
                raise UserError(f"{self.stage} does not depend on {key.name}")

    def fixed_params(self, keys: Sequence[Key]) -> dict[str, str]:
        """What the stages read and the search does not set."""
        return {
            name: str(value)
            for name, value in sorted(flat(load()).items())
            if any(_within(name, own) for own in self.params)
            and not any(_within(name, key.name) for key in keys)
        }


def find_target(metric: str, stage: str | None) -> Target:
    """The target of a search for a metric; stage: None for the one that computes the metric.

    Raises UserError if there is no such stage, or if it does not compute the metric. A metric that
    has no value yet is accepted if the stage is named.
    """
    with Repo() as repo:
        computed = {each.addressing: _metrics(repo, each.outs) for each in repo.index.stages}
        owners = [name for name, metrics in computed.items() if metric in metrics]
        if stage is None and not owners:
            known = set().union(*computed.values())
            raise UserError(
                f"no stage has computed {metric}{nearest(metric, known)}: "
                "run dvc repro, or name its stage with --target if it is new"
            )
        stage = stage or owners[0]
        try:
            stages = repo.stage.collect(stage, with_deps=True)
        except DvcException as error:
            raise UserError(f"--target is {stage}: {error}") from None
        if owners and not {other.addressing for other in stages} & set(owners):
            raise UserError(f"{stage} does not compute {metric}, but {' and '.join(owners)}")
        files = [str(out) for other in stages for out in other.outs if out.metric]
        read = (dep for other in stages for dep in other.deps if isinstance(dep, ParamsDependency))
        return Target(stage, files, sorted({key for dep in read for key in dep.params}))


def experiment_names() -> set[str]:
    """The names of all experiments. Raises UserError where DVC cannot run any."""
    with Repo() as repo:
        try:
            repo.scm.get_rev()  # an empty repository has none
            listed = repo.experiments.ls(all_commits=True)
        except (DvcException, SCMError) as error:
            raise UserError(f"dvc cannot run experiments here: {error}") from None
    return {name for names in listed.values() for name, _ in names}


def _metrics(repo: Repo, outs: Sequence) -> set[str]:
    """The names of the metrics of a stage that have a value in the workspace."""
    files = [str(out) for out in outs if out.metric]
    shown = repo.metrics.show(files).get("", {}).get("data", {}) if files else {}
    return {name for file in shown.values() for name in flat(file.get("data", {}))}


def _within(key: str, section: str) -> bool:
    return f"{key}.".startswith(f"{section}.")
