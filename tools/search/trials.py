"""Optuna's record of a search, which several runs can continue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from hotcold.runtime.errors import UserError
from tools.experiments import flat

DEFINITION, EXPERIMENT, FAILED = "definition", "experiment", "failed"  # attributes


def open_study(path: Path, definition: dict[str, Any], *, maximise: bool) -> optuna.Study:
    """The study in a file, or a new one. Raises UserError if it has another definition.

    Trials that an ended process left unfinished are repeated next.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        study_name=path.stem,
        direction="maximize" if maximise else "minimize",
        load_if_exists=True,
    )
    recorded = flat(study.user_attrs.get(DEFINITION, definition))
    current = flat(definition)
    for key in recorded | current:
        if recorded.get(key) != current.get(key):
            raise UserError(
                f"the study {path.stem} has {key} = {recorded.get(key)}, not {current.get(key)}: "
                "choose another name with --study"
            )
    study.set_user_attr(DEFINITION, definition)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        interrupt(study, trial)
    return study


def interrupt(study: optuna.Study, trial: optuna.Trial | FrozenTrial) -> None:
    """Record that a trial was interrupted, and repeat it as the next one."""
    study.tell(trial.number, state=TrialState.FAIL)
    study.enqueue_trial(trial.params)


def completed(study: optuna.Study) -> list[FrozenTrial]:
    """The trials with a value."""
    return study.get_trials(states=[TrialState.COMPLETE])


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that are complete or have failed, without those that were interrupted."""
    trials = study.get_trials(states=[TrialState.COMPLETE, TrialState.FAIL])
    return [t for t in trials if t.state == TrialState.COMPLETE or FAILED in t.user_attrs]


def sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    """The sampler of the n-th finished trial.

    Each trial has its own stream of random numbers, so an interrupted search that is continued
    selects the same values as one without interruption.
    """
    stream = np.random.SeedSequence((seed, number)).generate_state(1)
    return optuna.samplers.TPESampler(seed=int(stream[0]))
