"""Search keys of params.yaml for the best value of a metric, by DVC experiments:

hotcold search model1.fid models.model1.training.learning_rate=log:1e-4:1e-2 \\
    'models.model1.network.hidden=[8,8]|[16,32,16]' --trials 20

Optuna (TPE) selects the values of a trial from the results of those before. Each trial is an
experiment, search-STUDY-NUMBER, which runs in a clone of its own. STUDY has a hash of the metric,
the keys, and all other settings: the same command again continues an interrupted search, up to the
number of trials, with the interrupted trial first.

What a key of params.yaml may be set to:

  KEY=LOW:HIGH      a number of this range, a whole one if both ends are whole
  KEY=log:LOW:HIGH  the same, uniform in its logarithm
  KEY=A|B|C         one of these values
  KEY=A             this value in every trial
  +KEY=...          the same for a key that params.yaml may lack

Values are written as for `dvc exp run -S`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import dvc.api
import optuna
from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.utils.hydra import to_hydra_overrides
from hydra.errors import HydraException
from optuna import distributions
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from hotcold.commands import command
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, nearest, read
from hotcold.scores import SCORES
from tools.experiments import flat
from tools.jobs import alone, changes, experiment_names, run_experiment

FORMS = "LOW:HIGH, log:LOW:HIGH, A|B|C or a value"
FOLDER = Path("scratch/search")
HIGHER_IS_BETTER = {score.key for score in SCORES if score.better == 1}
FAILURES = 3  # in a row end a search


@dataclass(frozen=True)
class Target:
    """A stage together with all stages that it depends on.

    params: the keys of params.yaml, or sections, that they read.
    """

    stage: str
    metric_files: list[str]
    params: list[str]

    def reads(self, key: str) -> bool:
        return any(_within(key, own) for own in self.params)


def _within(key: str, section: str) -> bool:
    return f"{key}.".startswith(f"{section}.")


def find_target(metric: str, stage: str | None) -> Target:
    """The target of a search; stage: None for the one that has computed the metric.

    Raises UserError if there is no such stage.
    """
    with Repo() as repo:
        known = _computed(repo)
        if stage is None:
            if metric not in known:
                raise UserError(
                    f"no stage has computed {metric}{nearest(metric, known)}: "
                    "run dvc repro, or name its stage with --target if it is new"
                )
            stage = known[metric]
        try:
            stages = repo.stage.collect(stage, with_deps=True)
        except DvcException as error:
            raise UserError(f"--target is {stage}: {error}") from None
        if metric in known and known[metric] not in {each.addressing for each in stages}:
            raise UserError(f"--target is {stage}: {metric} is computed by {known[metric]}")
        files = [str(out) for each in stages for out in each.outs if out.metric]
        deps = (dep for each in stages for dep in each.deps if isinstance(dep, ParamsDependency))
        return Target(stage, files, sorted({key for dep in deps for key in dep.params}))


def _computed(repo: Repo) -> dict[str, str]:
    """The metrics that have a value in the workspace -> the stage that computes each."""
    found = ((out, each) for each in repo.index.stages for out in each.outs if out.metric)
    stages = {str(out): each.addressing for out, each in found}
    shown = repo.metrics.show(list(stages)).get("", {}).get("data", {})
    return {name: stages[f] for f in shown for name in flat(shown[f].get("data", {}))}


@dataclass(frozen=True)
class Key:
    """A key of params.yaml and its values, as text of the command line and as a distribution."""

    name: str
    values: str
    may_be_absent: bool
    distribution: distributions.BaseDistribution

    @classmethod
    def parse(cls, argument: str) -> Key:
        """One key of the command line. Raises UserError for a wrong one."""
        name, equals, values = argument.partition("=")
        name, may_be_absent = name.removeprefix("+"), name.startswith("+")
        if not equals or not re.fullmatch(r"\w+(\.\w+)*", name):
            raise UserError(f"'{argument}' must be KEY={FORMS}")
        if not may_be_absent:
            read(name, Any)
        # A mapping, a list or a string may have colons.
        if ":" in values and "|" not in values and values[0] not in "{[\"'":
            return cls(name, values, may_be_absent, _range(name, values))
        choices = values.split("|")
        for choice in choices:
            _check(name, choice)
        return cls(name, values, may_be_absent, distributions.CategoricalDistribution(choices))

    def override(self, value: Any) -> str:
        """The argument of `dvc exp run -S` that sets the key."""
        return f"{'++' if self.may_be_absent else ''}{self.name}={value}"


def _range(name: str, values: str) -> distributions.BaseDistribution:
    log = values.startswith("log:")
    ends = values.removeprefix("log:").split(":")
    try:
        low, high = map(float, ends)
    except ValueError:
        raise UserError(f"{name}: '{values}' must be {FORMS}") from None
    if not (0 if log else -math.inf) < low < high < math.inf:
        raise UserError(
            f"{name}: '{values}' must have finite ends, the smaller one first"
            + " and above 0, because it is logarithmic" * log
        )
    if all(re.fullmatch(r"[-+]?\d+", end) for end in ends):
        return distributions.IntDistribution(int(low), int(high), log=log)
    return distributions.FloatDistribution(low, high, log=log)


def _check(name: str, value: str) -> None:
    """Raises UserError if `dvc exp run -S` would not take this as one value."""
    try:
        (override,) = to_hydra_overrides([f"{name}={value}"])
    except HydraException:
        raise UserError(f"{name}: '{value}' is not a value that dvc exp run -S reads") from None
    if not value or override.is_sweep_override():
        raise UserError(f"{name}: '{value}' is not one value: separate several by |")


def open_study(path: Path, seed: int, maximise: bool) -> optuna.Study:
    """The study in a file, or a new one."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        study_name=path.stem,
        direction="maximize" if maximise else "minimize",
        load_if_exists=True,
    )
    # The first trials are random: those of a continued search differ from those before.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    return study


@dataclass(frozen=True)
class Search:
    """A study, and what its trials run."""

    study: optuna.Study
    metric: str
    target: Target
    keys: list[Key]

    def experiment(self, number: int) -> str:
        """The name of the experiment of a trial."""
        return f"search-{self.study.study_name}-{number}"

    def run_trial(self) -> bool:
        """Run and record one trial, an interrupted one if there is one; whether it succeeded."""
        interrupted = self.study.get_trials(states=(TrialState.RUNNING,))
        of_keys = {key.name: key.distribution for key in self.keys}
        trial = interrupted[0] if interrupted else self.study.ask(of_keys)
        name = self.experiment(trial.number)
        value = self.run_experiment(name, trial.params)
        if value is None or not math.isfinite(value):
            self.study.tell(trial.number, state=TrialState.FAIL)
            print(f"trial {trial.number} failed", flush=True)
            return False
        self.study.tell(trial.number, value)
        print(f"trial {trial.number}: {self.metric} = {value:.5g} ({name})", flush=True)
        return True

    def run_experiment(self, name: str, params: dict[str, Any]) -> float | None:
        """The metric of an experiment, which is run if it does not exist, or None if it failed."""
        if name not in experiment_names():
            settings = [key.override(params[key.name]) for key in self.keys]
            try:
                run_experiment(name, settings, self.target.stage, further=changes())
            except UserError as error:
                print(error, flush=True)
                return None
        shown = flat(dvc.api.metrics_show(*self.target.metric_files, rev=name))
        # DVC adds `<file>:` to the name of a metric that several files have.
        values = {key.rpartition(":")[2]: value for key, value in shown.items()}
        if self.metric not in values:
            raise UserError(f"{name} has no metric {self.metric}{nearest(self.metric, values)}")
        return values[self.metric]

    def run(self, count: int) -> None:
        """Run trials until `count` have finished. Raises UserError if several fail one after
        another."""
        failures = 0
        finished = (TrialState.COMPLETE, TrialState.FAIL)
        while len(self.study.get_trials(states=finished)) < count:
            failures = 0 if self.run_trial() else failures + 1
            if failures == FAILURES:
                raise UserError(f"{FAILURES} trials failed one after another, see above")

    def report(self) -> None:
        """Print the best trial, and how to apply it. Raises UserError if no trial is complete."""
        states = [trial.state for trial in self.study.get_trials()]
        done, failed = states.count(TrialState.COMPLETE), states.count(TrialState.FAIL)
        if not done:
            raise UserError(f"no trial of {self.study.study_name} has succeeded")
        best = self.study.best_trial
        print(f"best of {done} trials" + f" ({failed} failed)" * bool(failed))
        for key, value in best.params.items():
            print(f"  {key} = {value}")
        print(f"  {self.metric} = {best.value:.5g}")
        print(f"apply it by: dvc exp apply {self.experiment(best.number)}")


def open_search(
    metric: str, arguments: Sequence[str], stage: str | None, seed: int, maximise: bool
) -> Search:
    """The search of the command line. Raises UserError, before any trial, if it cannot be run."""
    keys = [Key.parse(each) for each in arguments]
    if len({key.name for key in keys}) < len(keys):
        raise UserError("a key has two values, must have one: separate them by |")
    target = find_target(metric, stage)
    for key in keys:
        if not target.reads(key.name) and not any(_within(own, key.name) for own in target.params):
            raise UserError(f"{target.stage} does not depend on {key.name}")
    settings = {  # that the stages read and the search does not set
        setting: value
        for setting, value in sorted(flat(load()).items())
        if target.reads(setting) and not any(_within(setting, key.name) for key in keys)
    }
    searched = {key.name: key.values for key in keys}
    definition = json.dumps([metric, target.stage, maximise, searched, settings], default=str)
    digest = hashlib.sha256(definition.encode()).hexdigest()[:6]
    name = f"{metric.replace('.', '-')}-{digest}"
    path, prefix = FOLDER / f"{name}.log", f"search-{name}-"
    if not path.exists() and any(each.startswith(prefix) for each in experiment_names()):
        raise UserError(
            f"there are experiments {prefix}..., but not their study {path}: remove them by "
            "dvc exp remove"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    return Search(open_study(path, seed, maximise), metric, target, keys)


@command(__doc__)
@click.argument("metric")
@click.argument("keys", nargs=-1, required=True, metavar="KEY=VALUES...")
@click.option("--trials", type=click.IntRange(1), default=20, help="in all")
@click.option("--target", metavar="STAGE", help="(the stage that computes METRIC)")
@click.option(
    "--maximise", is_flag=True, help=f"the default for {', '.join(sorted(HIGHER_IS_BETTER))}"
)
@click.option("--seed", type=click.IntRange(0), default=0, help="of the values of the trials")
def main(
    metric: str, keys: tuple[str, ...], trials: int, target: str | None, maximise: bool, seed: int
) -> None:
    maximise |= metric.rpartition(".")[2] in HIGHER_IS_BETTER
    search = open_search(metric, keys, target, seed, maximise)
    study = search.study.study_name
    with alone(FOLDER / f".{study}.lock", f"the study {study}"):
        search.run(trials)
    search.report()
