"""Where every input and result is, relative to the root of the repository."""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
_PACKAGE = Path(__file__).parents[1]  # of a wheel, which contains the file, or of a project
DEFAULT_PARAMS = (_PACKAGE / PARAMS, _PACKAGE.parent / PARAMS)  # outside of a project
MNIST = Path("data/mnist_idx")  # verified by the stage download
SUPPLIED_MNIST = Path("data/mnist")  # where a user may put the files
INCEPTION = Path("data/inception")
INCEPTION_WEIGHTS = INCEPTION / "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_NOTE = INCEPTION / "README.txt"

RESULTS = Path("results")
PARAMS_CHECKED = RESULTS / "params_checked.txt"
CLASSIFIER = RESULTS / "classifier"
CLASSIFIER_WEIGHTS = CLASSIFIER / "classifier.safetensors"
CLASSIFIER_SCORES = CLASSIFIER / "scores.json"
REAL = RESULTS / "real"
REAL_FEATURES = REAL / "features.safetensors"
REAL_VALIDATION = REAL / "validation.safetensors"  # features by which settings are chosen
REAL_INCEPTION = REAL / "inception.safetensors"
REAL_SCORES = REAL / "scores.json"
MODELS = RESULTS / "models"
HISTORY = RESULTS / "history"
TIMES = RESULTS / "times"
RECORDS = RESULTS / "records"  # where the results of each stage come from
STUDY_TIMES = TIMES / "step_study"
SAMPLES = RESULTS / "samples"
SCORES = RESULTS / "scores"
STEP_STUDY = RESULTS / "step_study"
LIKELIHOOD = RESULTS / "likelihood"
METRICS = RESULTS / "metrics"  # headline scores, for dvc metrics and dvc exp
CLASSIFIER_METRICS = METRICS / "classifier.json"
REAL_METRICS = METRICS / "real.json"

REPORT = Path("report")
FIGURES = REPORT / "figures"
PLOTS = REPORT / "plots"
SUMMARY = REPORT / "scores.json"
COMPUTE = PLOTS / "compute.csv"
PUBLISHED = REPORT / "published"
STYLE = REPORT / "style.mplstyle"
TEMPLATES = REPORT / "templates"

RESUME = Path("scratch/resume")


def weights(model: str, checkpoint: str = "best") -> Path:
    """The weights of a model; checkpoint: best, last or epoch_<number>."""
    return MODELS / model / f"{checkpoint}.safetensors"


def history(model: str) -> Path:
    """The losses of every epoch of a model, which is there while it is trained, too."""
    return HISTORY / f"{model}.csv"


def samples(model: str, epoch: int) -> Path:
    """The images of a model that were drawn from the checkpoint of an epoch."""
    return SAMPLES / model / f"epoch_{epoch:03d}.npz"


def metrics(stage: str, model: str) -> Path:
    """The metrics of a model that a stage, train or evaluate, computes."""
    return METRICS / stage / f"{model}.json"
