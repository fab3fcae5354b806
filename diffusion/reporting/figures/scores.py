"""Figures 3, 11 and 14: FID by checkpoint; KID and FID in Inception features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from diffusion.reporting.published import Published, published_fids
from diffusion.reporting.results import (
    Checkpoint,
    ModelResults,
    Scores,
    by_kind,
    main_scores,
    with_interval,
)
from diffusion.reporting.style import REAL, Gallery
from diffusion.runtime import paths
from diffusion.runtime.files import write_csv

LABELS = {
    "fid": "FID, classifier features",
    "kid": "KID, classifier features",
    "inception_fid": "FID, Inception features",
}


def draw(
    gallery: Gallery, models: Sequence[ModelResults], real: Scores, published: Published
) -> None:
    """FID for each kind of degradation and for all models; the other distances for all models.

    real: the scores of real images.
    """
    colours = gallery.colours
    for name, group in {**by_kind(models), "all": models}.items():
        gallery.add_lines(f"fid_{name}", draw_bars(group, "fid", real, colours, published))
    gallery.add_lines("kid", draw_bars(models, "kid", real, colours))
    if "inception_fid" in real:
        figure = draw_bars(models, "inception_fid", real, colours, published)
        gallery.add_lines("inception_fid", figure)


def draw_bars(
    models: Sequence[ModelResults],
    key: str,
    real: Scores,
    colours: Mapping[str, str],
    published: Published | None = None,
) -> Figure:
    """A score as one group of bars for each model, and that of real images as a line.

    published: its FIDs are shown at the bars with the same roles.
    """
    bars = sum(len(model.checkpoints) for model in models)
    width = max(1.4 + 0.75 * bars + 0.3 * len(models), 4.6)  # the legend needs this width
    figure, axis = plt.subplots(figsize=(width, 3.2))
    ticks, position = [], 0.0
    label: str | None = "published (not comparable)"
    for model in models:
        values, sides = with_interval([main_scores(c) for c in model.checkpoints], key)
        for i, checkpoint in enumerate(model.checkpoints):
            axis.bar(position, values[i], width=0.8, color=colours[model.name])
            axis.errorbar(position, values[i], sides[:, [i]], color="black", lw=1, capsize=3)
            known = published_fids(published, model.name, checkpoint["roles"]) if published else []
            for _, fid in known:
                axis.plot(position, fid, "D", color=REAL, mfc="white", ms=5, label=label)
                label = None  # one entry of the legend for all
            ticks.append((position, f"{model.name}\n{tick_label(checkpoint)}"))
            position += 1
        position += 0.6
    axis.axhline(real[key], color=REAL, ls=":", label=f"real images: {real[key]:.3g}")
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    axis.set_xticks(*zip(*ticks, strict=True), fontsize=7)
    axis.set_ylabel(LABELS[key])
    axis.grid(visible=False, axis="x")
    return figure


def tick_label(checkpoint: Checkpoint) -> str:
    """The epoch of a checkpoint, and whether it is the best or the last one."""
    roles = [role for role in checkpoint["roles"] if role != "early"]
    return "\n".join([f"epoch {checkpoint['epoch']}", *roles])


def write_table(models: Iterable[ModelResults]) -> None:
    """FID by checkpoint, for `dvc plots`."""
    rows = ((m.name, c["epoch"], main_scores(c)["fid"]) for m in models for c in m.checkpoints)
    write_csv(paths.PLOTS / "fid.csv", ("model", "epoch", "fid"), rows)
