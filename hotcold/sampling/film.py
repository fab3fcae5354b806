"""States x_t of the first images on their path from T to 0, for figures and films."""

import torch
from torch import Tensor

from hotcold.numerics.pixels import to_levels

IMAGES, FRAMES = 16, 41


class Film:
    """`frames` states of the first `images` images of a batch, by set of images, at about evenly
    spaced steps, the first and the last included."""

    def __init__(self, T: int, images: int = IMAGES, frames: int = FRAMES) -> None:
        self.due = [T * k / (frames - 1) for k in range(frames - 1, -1, -1)]
        self.images = images
        self.taken: dict[str, list[tuple[int, Tensor]]] = {}

    def take(self, key: str, t: int, x_t: Tensor) -> None:
        """Keep x_t of a set if a frame is due that an earlier call has not taken."""
        taken = self.taken.setdefault(key, [])
        last = taken[-1][0] if taken else float("inf")
        if any(t <= due < last for due in self.due):
            taken.append((t, to_levels(x_t[: self.images])))  # a copy to the CPU would wait

    def states(self) -> tuple[dict[str, Tensor], dict[str, list[int]]]:
        """For each set its states, (frames, images, 1, 28, 28) uint8, and their steps t."""
        films = {key: torch.stack([x for _, x in taken]).cpu() for key, taken in self.taken.items()}
        return films, {key: [t for t, _ in taken] for key, taken in self.taken.items()}
