"""Words that templates use: models and settings described, commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from hotcold.reporting.reading.formatting import counted, names
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults, grouped
from hotcold.reporting.text.claims import FAILS, HOLDS, IN_PART, OPEN, UNLIKE, Claim

GALLERY = {  # the figures of one model in the gallery: the start of a name -> what it shows
    "progress_": "images during training, one row for each kept epoch",
    "reverse_": "the reverse process, from step T at the left to the image at the right",
    "digits_": "the first images that the classifier takes for each digit",
    "confidence_": "the images with the highest and the lowest confidence of the classifier",
    "nearest_": "the images nearest to a training image, and that image",
}


def command(stage: str, models: Iterable[str] = ()) -> str:
    """The command that makes a figure from the results of one stage, of these models or of all."""
    stages = [f"{stage}@{model}" for model in models] or [stage]
    return f"dvc repro {' '.join(stages)}" + (" figures" if stages != ["figures"] else "")


def axis_command(rows: Iterable[Row]) -> str:
    """The commands that train a model with every size of its noise and seed of these rows, and make
    their figure."""
    sizes = grouped(rows, lambda row: (row["model"], row["noise"]))
    runs = grouped(sizes, lambda size: (size[0], ",".join(row["seed"] for row in sizes[size])))
    vary = [
        f"hotcold vary {model} --noise {','.join(size for _, size in own)} --seeds {seeds}"
        for (model, seeds), own in runs.items()
    ]
    return " && ".join([*vary, command("figures")])


def described(model: ModelResults) -> str:
    """What a model does, and with which sampler: a sentence."""
    does = model.sampler.does(model.design.degradation)
    if model.design.classes:
        does += ", each digit in turn"
    return f"**{model.name}** {does}."


def verdicts_counted(claims: Sequence[Claim]) -> str:
    """`Of 19 published claims, 10 hold, 3 do not hold and 6 remain open`."""
    verbs = {
        HOLDS: ("holds", "hold"),
        IN_PART: ("holds in part", "hold in part"),
        FAILS: ("does not hold", "do not hold"),
        UNLIKE: ("is not comparable", "are not comparable"),
        OPEN: ("remains open", "remain open"),
    }
    counts = Counter(claim.verdict for claim in claims)
    found = [verdict for verdict in verbs if counts[verdict]]
    shares = names([f"{counts[each]} {verbs[each][counts[each] != 1]}" for each in found])
    return f"Of {counted(len(claims), 'published claim')}, {shares}"


def gallery_words(files: Iterable[str], model: str) -> str:
    """What the figures of one model in the gallery show, from top to bottom."""
    shown = {file.removesuffix(model) for file in files}
    return "; ".join(words for start, words in GALLERY.items() if start in shown)
