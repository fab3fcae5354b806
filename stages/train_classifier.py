"""Train the MNIST classifier and measure it on the test images."""

from __future__ import annotations

import json
from pathlib import Path

from diffusion.runtime.errors import run

# isort: split
import torch

from diffusion import classifier
from diffusion import mnist as data
from diffusion.classifier_params import Classifier
from diffusion.mnist_params import Data
from diffusion.runtime import checkpoints, devices
from diffusion.runtime import cli as arguments
from diffusion.runtime.params import read
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import derive, generator
from diffusion.training.params import Precision

OUTPUT = Path("results/classifier")


def main() -> None:
    arguments.none(__doc__, "train_classifier")
    parts = read("data", Data)
    params = read("classifier", Classifier)
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    print(f"train_classifier: {devices.describe(device, dtype)}")

    images, labels = data.images("train"), data.labels("train")
    split = data.split(len(images), parts.train, parts.held_out, parts.split_seed)
    chosen = split.classifier[: params.images]
    images, labels = images[chosen].to(device), labels[chosen].to(device)

    torch.manual_seed(derive(params.seed, "classifier"))
    network = classifier.Classifier().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), params.learning_rate, fused=True)
    steps = params.epochs * (len(images) // params.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=params.learning_rate, total_steps=steps
    )
    g = generator(device, params.seed, "classifier")
    test_images, test_labels = data.images("test"), data.labels("test")
    with Progress("train_classifier", steps) as bar:
        for epoch in range(1, params.epochs + 1):
            classifier.train_epoch(
                network,
                optimizer,
                schedule,
                images,
                labels,
                params.batch_size,
                g,
                devices.autocast(device, dtype),
                bar.advance,
            )
            bar.note(f"train_classifier: epoch {epoch} of {params.epochs}")
        predicted = classifier.classify(network, test_images).logits.argmax(1)

    accuracy = (predicted == test_labels).double().mean().item()
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    confusion.index_put_((test_labels, predicted), torch.tensor(1), accumulate=True)
    checkpoints.empty(OUTPUT)
    checkpoints.save(
        OUTPUT / "classifier.safetensors", network.state_dict(), {"accuracy": accuracy}
    )
    scores = {
        "accuracy": accuracy,
        "training_images": len(images),
        "test_images": len(test_labels),
        "confusion": confusion.tolist(),  # rows: true digit, columns: predicted
    }
    (OUTPUT / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(f"train_classifier: {accuracy:.2%} of {len(test_labels)} test images right")


if __name__ == "__main__":
    run(main)
