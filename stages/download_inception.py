"""Get the Inception-v3 weights for the FID of the literature, 96 MB.

With `inception.use: auto` the workflow continues without them if no source has them.
"""

from __future__ import annotations

from hotcold.downloads.fetch import FetchError
from hotcold.downloads.inception import HOW, get_weights
from hotcold.downloads.params import InceptionUse
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.files import write
from hotcold.runtime.params import read


@stage("download_inception", __doc__)
def main() -> None:
    use = read("inception.use", InceptionUse)
    path = read("inception.weights", str | None)
    if use == "off":
        text = "Not requested: inception.use is 'off'."
    else:
        try:
            write(paths.INCEPTION_WEIGHTS, get_weights(path))
            text = "Weights verified by SHA-256."
        except FetchError as error:
            if use == "required" or path:
                raise UserError(f"Inception weights: {error}. {HOW}") from None
            text = f"The weights are not available ({error}). {HOW}"
    write(paths.INCEPTION_NOTE, f"{text}\n".encode())
    print(f"download_inception: {text}")


if __name__ == "__main__":
    run(main)
