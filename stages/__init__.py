"""The stages of dvc.yaml. The package prepares the process before PyTorch is imported."""

from hotcold.runtime import startup

startup.prepare()
