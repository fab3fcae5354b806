"""The tools that a person runs. The package prepares the process before PyTorch is imported."""

from hotcold.runtime import startup

startup.prepare()
