"""Make the pages of `dvc plots` work without the network: python -m tools.offline_plots

By default such a page loads its drawing library from the network and is blank without it. This
writes a template of the page that contains the library, which the package vl-convert-python
provides, and sets the template in .dvc/config.local.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import vl_convert

from diffusion.runtime import cli
from diffusion.runtime.errors import run
from diffusion.runtime.files import write

TEMPLATE = Path(".dvc/tmp/plots_page.html")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>DVC plots</title>
<link rel="icon" href="data:,">
<style>
  body { font-family: system-ui, sans-serif; }
  img { max-width: 100%; }
</style>
<script>(() => {%s})();</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    cli.parser("tools.offline_plots", __doc__).parse_args()
    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version="5.8")
    write(TEMPLATE, PAGE.replace("%s", library).encode())
    setting = str(TEMPLATE.relative_to(".dvc"))
    subprocess.run(["dvc", "config", "--local", "plots.html_template", setting], check=True)
    print(f"dvc plots uses {TEMPLATE}, which needs no network")


if __name__ == "__main__":
    run(main)
