"""A complete training that continues after an interruption, with its history and checkpoints."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hotcold.models.model import DiffusionModel
from hotcold.numerics import distributed
from hotcold.numerics.tables import write_csv, write_json
from hotcold.runs.progress import Progress
from hotcold.runs.resume import ResumableRun
from hotcold.training.loop import Examples, LoopSettings, train_epoch, validate
from hotcold.training.params import TrainingParams
from hotcold.training.state import TrainState
from hotcold.training.step import build_step

COLUMNS = ("epoch", "images", "train_loss", "validation_loss", "learning_rate")
WEIGHTS = "weights"  # outputs of the run: a folder, and three files
HISTORY, SECONDS, METRICS = "history.csv", "times.json", "metrics.json"


@dataclass
class Fit:
    """The training of one model.

    run: keeps the state after each epoch, and the outputs: in WEIGHTS the checkpoints `best`,
    `last` and `epoch_<number>`; in HISTORY the losses of each epoch, in SECONDS the time at its
    end; in METRICS the smallest validation loss and its epoch.
    epochs: of this model; of `params` the checkpoints and the dtype of the weights are used.
    watched: where DVC and an editor find the history while the training runs.
    """

    run: ResumableRun
    model: DiffusionModel
    state: TrainState
    params: TrainingParams
    epochs: int
    settings: LoopSettings
    watched: Path

    def __call__(self, training: Examples, validation: Examples) -> float:
        """Train from the last epoch that the run keeps; the smallest validation loss.

        training, validation: on the device that trains.
        """
        done = self._continue()
        start = time.monotonic() - (done["seconds"] or [0])[-1]
        steps = len(training) // self.settings.batch_size
        trained = replace(
            self.model, network=distributed.wrap_ddp(self.state.network, training.images.device)
        )
        evaluated = replace(self.model, network=self.state.eval_network)
        label, settings = self.run.label, self.settings
        step = build_step(trained, settings.dtype, settings.batch_size, self.epochs * steps, label)
        with Progress(label, self.epochs * steps, done=done["epoch"] * steps) as bar:
            for epoch in range(done["epoch"] + 1, self.epochs + 1):
                rate = self.state.rate
                losses = train_epoch(
                    step, self.state.optimizer, training, settings, epoch, bar.advance
                )
                train_loss = losses.mean().item()
                validation_loss = validate(evaluated, validation, settings, epoch)
                self.state.end_epoch(validation_loss)
                done["seconds"].append(time.monotonic() - start)
                if distributed.is_rank_zero():
                    seen = epoch * steps * self.settings.batch_size
                    self._save_epoch(done, (epoch, seen, train_loss, validation_loss, rate))
                bar.note(
                    f"{label}: epoch {epoch} of {self.epochs}, "
                    f"loss {train_loss:.5f}, validation {validation_loss:.5f}"
                )
        return done["best"]

    def _continue(self) -> dict[str, Any]:
        """Load the state of an interrupted run: its last `epoch`, its `best` validation loss, the
        `rows` of the history, and `seconds`. Rank 0 reads it for all ranks."""
        saved = distributed.broadcast(
            self.run.load("state") if distributed.is_rank_zero() else None
        )
        if not saved:
            return {"epoch": 0, "best": float("inf"), "rows": [], "seconds": []}
        tensors, done = saved
        self.state.load_state_dict(tensors, done)
        self.run.preview(self.run.outputs / HISTORY, self.watched)
        print(
            f"{self.run.label}: continues after epoch {done['epoch']} of {self.epochs}", flush=True
        )
        return done

    def _save_epoch(self, done: dict[str, Any], row: tuple[int, int, float, float, float]) -> None:
        """Write the checkpoints of an epoch, its row of the history, and then the state."""
        epoch, seen, train_loss, validation_loss, rate = row
        done["epoch"] = epoch
        done["rows"].append([epoch, seen, f"{train_loss:.8f}", f"{validation_loss:.8f}", rate])
        names = []
        if epoch in self.params.checkpoints:
            names.append(f"epoch_{epoch:03d}")
        if validation_loss < done["best"]:
            done["best"] = validation_loss
            names.append("best")
            found = {"validation_loss": validation_loss, "best_epoch": epoch}
            write_json(self.run.outputs / METRICS, {self.model.description["model"]: found})
        if epoch == self.epochs:
            names.append("last")
        folder, kept = self.run.outputs / WEIGHTS, self.state.eval_network
        for name in names:
            replace(self.model, network=kept).save(
                folder / f"{name}.safetensors",
                getattr(torch, self.params.weights),
                epoch=epoch,
                validation_loss=validation_loss,
            )
        write_csv(self.run.outputs / HISTORY, COLUMNS, done["rows"])
        self.run.preview(self.run.outputs / HISTORY, self.watched)
        write_json(self.run.outputs / SECONDS, {"seconds": [round(s, 1) for s in done["seconds"]]})
        # Last: until the state is on disk, this epoch counts as not trained.
        tensors, description = self.state.state_dict()
        self.run.save("state", tensors, done | description)
