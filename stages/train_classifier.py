"""Train the MNIST classifier and measure its accuracy on the test images."""

from __future__ import annotations

import torch

from hotcold.classifier.params import ClassifierParams
from hotcold.classifier.training import train
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.numerics import checkpoints, devices, tables
from hotcold.runs.stage import stage
from hotcold.runtime import files, paths
from hotcold.runtime.errors import run
from hotcold.runtime.params import Precision, read


@stage("train_classifier", __doc__)
def main() -> None:
    data = read("data", DataParams)
    params = read("classifier", ClassifierParams)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    print(f"train_classifier: {devices.describe(device, dtype)}")

    images, labels = mnist.images("train"), mnist.labels("train")
    chosen = mnist.split(len(images), data).classifier[: params.images]
    images, labels = images[chosen].to(device), labels[chosen].to(device)
    network = train(images, labels, params, dtype, "train_classifier")

    test_labels = mnist.labels("test")
    predicted = network.classify(mnist.images("test")).logits.argmax(1)
    accuracy = (predicted == test_labels).double().mean().item()
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    confusion.index_put_((test_labels, predicted), torch.tensor(1), accumulate=True)
    files.empty_folder(paths.CLASSIFIER)
    checkpoints.save(paths.CLASSIFIER_WEIGHTS, network.state_dict(), {"accuracy": accuracy})
    scores = {
        "accuracy": accuracy,
        "training_images": len(images),
        "test_images": len(test_labels),
        "confusion": confusion.tolist(),  # rows: true digit, columns: predicted
    }
    tables.write_json(paths.CLASSIFIER_SCORES, scores)
    tables.write_json(paths.CLASSIFIER_METRICS, {"classifier": {"accuracy": accuracy}})
    print(f"train_classifier: {accuracy:.2%} of {len(test_labels)} test images are correct")


if __name__ == "__main__":
    run(main)
