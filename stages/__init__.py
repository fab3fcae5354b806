"""The stages of dvc.yaml. The package prepares the process before PyTorch is imported."""

from diffusion.runtime import startup

startup.prepare()
