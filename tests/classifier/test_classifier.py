"""The classifier and the shifts of its training images."""

import torch

from hotcold.classifier.network import Classifier
from hotcold.classifier.params import ClassifierParams
from hotcold.classifier.training import shift, train


def test_outputs_have_their_documented_shapes_whatever_the_batch(rng: torch.Generator) -> None:
    images = torch.randint(0, 256, (7, 1, 28, 28), generator=rng, dtype=torch.uint8)
    network = Classifier()
    outputs = network.classify(images, batch_size=3)
    assert outputs.maps.shape == (7, 1568)
    assert outputs.features.shape == (7, Classifier.FEATURES)
    assert outputs.logits.shape == (7, 10)
    single = network.classify(images[4:5])
    torch.testing.assert_close(single.logits, outputs.logits[4:5])


def test_shift_moves_each_image_by_up_to_two_pixels(rng: torch.Generator) -> None:
    images = torch.zeros(500, 1, 28, 28, dtype=torch.uint8)
    images[:, 0, 14, 14] = 255
    moved = shift(images, 2, rng)
    assert moved.shape == images.shape
    assert (moved == 255).flatten(1).sum(1).eq(1).all()
    positions = {(y, x) for _, _, y, x in moved.nonzero().tolist()}
    assert positions == {(14 + dy, 14 + dx) for dy in range(-2, 3) for dx in range(-2, 3)}


def test_training_separates_two_classes_and_is_reproducible(rng: torch.Generator) -> None:
    labels = torch.arange(96) % 2
    images = torch.zeros(96, 1, 28, 28, dtype=torch.uint8)
    images[labels == 0, :, 4:8] = 255
    images[labels == 1, :, 20:24] = 255
    params = ClassifierParams(seed=1, images=96, epochs=3, batch_size=16, learning_rate=5e-3)
    first, second = (
        train(images, labels, params, torch.float32, "train_classifier") for _ in range(2)
    )
    assert torch.equal(first.classify(images).logits.argmax(1), labels)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
