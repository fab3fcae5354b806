"""States on the path of the first images."""

import torch

from hotcold.sampling.film import Film


def test_film_has_evenly_spaced_states_from_start_to_image() -> None:
    film = Film(T=1000, images=2, frames=5)
    for t in range(1000, -1, -10):
        film.take("ddim", t, torch.full((3, 1, 28, 28), t / 1000 - 0.5))
    steps, states = zip(*film.taken["ddim"], strict=True)
    assert steps == (1000, 750, 500, 250, 0)
    assert [len(x) for x in states] == [2] * 5
    assert [int(x.max()) for x in states] == [255, 191, 128, 64, 0]
    films, film_steps = film.states()
    assert films["ddim"].shape == (5, 2, 1, 28, 28)
    assert film_steps == {"ddim": [1000, 750, 500, 250, 0]}
