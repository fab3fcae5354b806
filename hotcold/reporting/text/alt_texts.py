"""Alternative texts of figures, which say what is seen in words and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hotcold.reporting.reading.formatting import fixed, names
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults, main_scores


def loss(row: Mapping[str, float]) -> str:
    """The validation loss of an epoch."""
    return fixed(row["validation_loss"], "validation_loss")


def losses(models: Sequence[ModelResults]) -> str:
    """The course of the validation losses."""
    parts = []
    for m in models:
        first, best = (
            f"{loss(r)} at epoch {r['epoch']:.0f}" for r in (m.history[0], m.lowest_loss)
        )
        falls = (
            f"falls from {first} to {best}" if m.lowest_loss is not m.history[0] else f"is {best}"
        )
        parts.append(f"{m.name} {falls}")
    courses = "; of ".join(parts)
    return f"Line chart of training and validation loss. The validation loss of {courses}."


def points(models: Sequence[ModelResults], key: str, label: str) -> str:
    """A score at every scored checkpoint."""
    parts = []
    for model in models:
        scored = [(fixed(main_scores(c)[key], key), c["epoch"]) for c in model.checkpoints]
        values = names([f"{value} at epoch {epoch}" for value, epoch in scored])
        parts.append(f"{model.name} {values}")
    return f"Dot chart of {label} with intervals: {'; '.join(parts)}."


def digits(models: Sequence[ModelResults], real: np.ndarray) -> str:
    """The digits that are most and least frequent compared with the real frequencies."""
    parts = []
    for model in models:
        counts = model.digit_counts(model.best["main"])
        ratio = counts / counts.sum() / real
        most, least = int(ratio.argmax()), int(ratio.argmin())
        parts.append(
            f"{model.name}: {most} is {ratio[most]:.2f} times as frequent as in the test images, "
            f"{least} is {ratio[least]:.2f} times as frequent"
        )
    return f"Charts of the predicted digits. {'; '.join(parts)}."


def progress(model: ModelResults, sampler: str) -> str:
    """Rows of images by epoch."""
    return (
        f"Rows of images of {model.name}, drawn with the {sampler} sampler: one row for each kept "
        "epoch, the first one at the top."
    )


def compute(models: Sequence[ModelResults], spent: Mapping[str, float]) -> str:
    """FID and multiply-adds of the best checkpoints."""
    parts = [
        f"{m.name} {fixed(m.scores['fid'], 'fid')} after {spent[m.name] / 1e15:.2f}·10¹⁵"
        for m in models
    ]
    return f"FID against multiply-adds of training, both on logarithmic axes: {'; '.join(parts)}."


def doses(rows: Sequence[Row]) -> str:
    """FID and the commonest digit by the share of pixels that is drawn anew."""
    parts = [
        f"{row['model']} at {float(row['redrawn']):.0%}: FID {fixed(row['fid'], 'fid')}, "
        f"{row['commonest']:.0%} of the images are its commonest digit"
        for row in rows
    ]
    return f"Two line charts over the share of pixels drawn anew. {'; '.join(parts)}."
