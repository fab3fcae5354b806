"""Digits by label: images of each class by guidance, and scores over guidance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from hotcold import samples_file
from hotcold.reporting.figures import style
from hotcold.reporting.reading.results import ModelResults, grouped
from hotcold.runtime import paths
from hotcold.sampling.params import recorded
from hotcold.scores import find


def draw(gallery: style.Gallery, models: Sequence[ModelResults]) -> None:
    """The figures of every model with classes."""
    labelled = [model for model in models if model.design.classes]
    for model in labelled:
        sets, _ = samples_file.load(paths.SAMPLES / model.name / "guidance.npz")
        images = [digits[:, 0].numpy() for digits in sets.values()]
        columns = [str(digit) for digit in range(model.design.classes)]
        labels = [f"guidance {scale}" for scale in sets]
        gallery.add(f"guidance_{model.name}", style.image_rows(images, labels, columns))
    if labelled:
        gallery.add("guidance", draw_scores(labelled, gallery.colours))
        scores = ("steps", "evaluations", "fid", "label_accuracy", "recall")
        rows = [
            (m.name, recorded(e).variant, *(e[key] for key in scores))
            for m in labelled
            for e in m.step_study
        ]
        gallery.add_table("guidance", ("model", "setting", *scores), rows)


def draw_scores(models: Sequence[ModelResults], colours: Mapping[str, str]) -> Figure:
    """FID against validation images, and the share of images of the digit that was asked for, over
    guidance."""
    figure, (fid, agreement) = plt.subplots(1, 2, figsize=(style.WIDTH, 3.2))
    for model in models:
        lines = grouped(model.step_study, lambda e: (e["steps"], str(e.get("guidance_interval"))))
        for study, marker in zip(lines.values(), style.MARKERS, strict=False):
            study.sort(key=lambda entry: entry.get("guidance", 1))
            x = [entry.get("guidance", 1) for entry in study]
            plain = recorded(study[0] | {"guidance": 2.0}).words[-1]
            label = f"{model.name}, {study[0]['steps']:g} steps"
            label += f", {plain}" if study[0].get("guidance_interval") else ""
            look = {"color": colours[model.name], "label": label, "marker": marker, "lw": 1}
            style.draw_intervals(fid, x, study, "fid", **look)
            agreement.plot(x, [100 * entry["label_accuracy"] for entry in study], **look)
    style.set_scale(fid, "log")
    fid.set(xlabel="guidance", ylabel=find("fid").axis_label)
    agreement.set(xlabel="guidance", ylabel="images of the digit asked for, %")
    style.add_legend(figure, [fid], 2)
    return figure
