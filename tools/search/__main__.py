"""Search keys of params.yaml for the best value of a metric, by DVC experiments:

python -m tools.search model1.fid models.model1.training.learning_rate=log:1e-4:1e-2 \\
    'models.model1.network.hidden=[8,8]|[16,32,16]' --trials 20

Optuna (TPE) selects the values of a trial from the results of those before. Each trial is an
experiment, search-STUDY-NUMBER, that `dvc exp run --temp` runs. The same command again continues an
interrupted search, up to the number of trials, and repeats the interrupted trial first.
"""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path

import dvc.api
import optuna
from filelock import FileLock, Timeout
from optuna.trial import TrialState

from hotcold.runtime import cli
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import nearest
from hotcold.scores import SCORES
from tools import outputs
from tools.experiments import flat, run_dvc
from tools.search import picture, space, target, trials

FOLDER = Path("scratch/search")
HIGHER_IS_BETTER = {score.key for score in SCORES if score.better == 1}
FAILURES = 3  # in a row end a search


@dataclass(frozen=True)
class Search:
    """A study, and what its trials run."""

    study: optuna.Study
    metric: str
    goal: target.Target
    keys: list[space.Key]
    seed: int

    def run_trial(self) -> bool:
        """Run and record one trial; whether it succeeded. Values that were tried before are not
        run again."""
        self.study.sampler = trials.sampler(self.seed, len(trials.finished(self.study)))
        trial = self.study.ask({key.name: key.distribution for key in self.keys})
        earlier = [t for t in trials.completed(self.study) if t.params == trial.params]
        name = f"search-{self.study.study_name}-{trial.number}"
        try:
            if earlier:
                name = earlier[0].user_attrs[trials.EXPERIMENT]
            value = earlier[0].value if earlier else self.run_experiment(name, trial.params)
        except BaseException:
            trials.interrupt(self.study, trial)
            raise
        trial.set_user_attr(trials.EXPERIMENT, name)
        if value is None or not math.isfinite(value):
            trial.set_user_attr(trials.FAILED, True)
            self.study.tell(trial, state=TrialState.FAIL)
            print(f"trial {trial.number} failed", flush=True)
            return False
        self.study.tell(trial, value)
        note = " as before" if earlier else ""
        print(f"trial {trial.number}: {self.metric} = {value:.5g}{note} ({name})", flush=True)
        return True

    def run_experiment(self, name: str, params: dict[str, object]) -> float | None:
        """The metric of a new experiment, or None if it failed."""
        options = ["--temp", "--name", name]
        for key in self.keys:
            options += ["-S", key.override(params[key.name])]
        if not run_dvc("exp", "run", *options, self.goal.stage):
            return None
        shown = flat(dvc.api.metrics_show(*self.goal.metric_files, rev=name))
        # DVC adds `<file>:` to the name of a metric that several files have.
        values = {key.rpartition(":")[2]: value for key, value in shown.items()}
        if self.metric not in values:
            raise UserError(f"{name} has no metric {self.metric}{nearest(self.metric, values)}")
        return values[self.metric]

    def run(self, count: int, output: Path) -> None:
        """Run trials until `count` have finished, and draw the history after each.

        Raises UserError if several fail one after another.
        """
        failures = 0
        while len(trials.finished(self.study)) < count:
            failures = 0 if self.run_trial() else failures + 1
            if failures == FAILURES:
                raise UserError(f"{FAILURES} trials failed one after another, see above")
            self.draw(output)

    def draw(self, output: Path) -> None:
        """Draw the complete trials, if there are any."""
        if trials.completed(self.study):
            varied = [key.name for key in self.keys if key.varies]
            picture.draw(self.study, self.metric, varied, output)

    def report(self) -> None:
        """Print the best trial, and how to apply it. Raises UserError if no trial is complete."""
        done = len(trials.completed(self.study))
        if not done:
            raise UserError(f"no trial of {self.study.study_name} has succeeded")
        best, failed = self.study.best_trial, len(trials.finished(self.study)) - done
        print(f"best of {done} trials" + f" ({failed} failed)" * bool(failed))
        for key, value in best.params.items():
            print(f"  {key} = {value}")
        print(f"  {self.metric} = {best.value:.5g}")
        print(f"apply it by: dvc exp apply {best.user_attrs[trials.EXPERIMENT]}")


def parse() -> argparse.Namespace:
    parser = cli.parser("tools.search", __doc__, space.__doc__)
    parser.add_argument("metric", metavar="METRIC", help="as in dvc metrics show: model1.fid")
    parser.add_argument("keys", nargs="+", metavar="KEY=VALUES", help="see below")
    parser.add_argument("--trials", type=int, default=20, metavar="N", help="in all (20)")
    parser.add_argument("--target", metavar="STAGE", help="(the stage that computes METRIC)")
    parser.add_argument(
        "--maximise",
        action="store_true",
        help=f"the default for {', '.join(sorted(HIGHER_IS_BETTER))}",
    )
    parser.add_argument("--study", metavar="NAME", help="of the search (from METRIC: model1-fid)")
    parser.add_argument("--seed", type=int, default=0, help="of the values of the trials (0)")
    parser.add_argument("--output", type=Path, metavar="PNG", help=f"({FOLDER}/STUDY.png)")
    arguments = parser.parse_args()
    arguments.study = arguments.study or re.sub(r"\W+", "-", arguments.metric)
    arguments.output = arguments.output or FOLDER / f"{arguments.study}.png"
    arguments.maximise |= arguments.metric.rpartition(".")[2] in HIGHER_IS_BETTER
    if not re.fullmatch(r"\w+(-\w+)*", arguments.study):
        raise UserError(f"--study is '{arguments.study}', must have letters, digits and - only")
    if arguments.trials < 1:
        raise UserError(f"--trials is {arguments.trials}, must be 1 or more")
    if arguments.seed < 0:
        raise UserError(f"--seed is {arguments.seed}, must be 0 or more")
    return arguments


def open_search(arguments: argparse.Namespace) -> Search:
    """The search of the command line. Raises UserError, before any trial, if it cannot be run."""
    keys = space.parse(arguments.keys)
    goal = target.find_target(arguments.metric, arguments.target)
    goal.check(keys)
    path = FOLDER / f"{arguments.study}.log"
    prefix = f"search-{arguments.study}-"
    names = [name for name in target.experiment_names() if re.fullmatch(prefix + r"\d+", name)]
    if names and not path.exists():
        raise UserError(
            f"there are experiments {prefix}..., but not their study {path}: remove them by "
            "dvc exp remove, or choose another name with --study"
        )
    definition = {
        "metric": arguments.metric,
        "target": goal.stage,
        "maximise": arguments.maximise,
        "search": {key.name: key.values for key in keys},
        "params": goal.fixed_params(keys),
    }
    study = trials.open_study(path, definition, maximise=arguments.maximise)
    return Search(study, arguments.metric, goal, keys, arguments.seed)


def main() -> None:
    arguments = parse()
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(FOLDER / f".{arguments.study}.lock", timeout=0):
            outputs.check(arguments.output)
            search = open_search(arguments)
            search.run(arguments.trials, arguments.output)
            search.draw(arguments.output)
    except Timeout:
        raise UserError(f"the study {arguments.study} is running already") from None
    search.report()
    print(f"history: {arguments.output}")


if __name__ == "__main__":
    run(main)
