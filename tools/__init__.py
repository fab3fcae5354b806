"""The tools that a person runs. The package prepares the process before PyTorch is imported."""

from diffusion import command_help
from diffusion.runtime import startup

startup.prepare()
command_help.prepare()
