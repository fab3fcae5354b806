"""Write .dvc/plots_page.html, the page of `dvc plots`: hotcold offline-plots

By default such a page loads its drawing library from the network and is blank without it. This
one contains the library, as the package vl-convert-python provides it. Git holds the page, and
.dvc/config names it, so that a clone or a worktree needs no preparation; run this after an update
of vl-convert-python.
"""

from __future__ import annotations

from pathlib import Path

import vl_convert

from hotcold.commands import command
from hotcold.runtime.files import write

TEMPLATE = Path(".dvc/plots_page.html")
PAGE = """<!DOCTYPE html>
<html lang="en">
<!-- Written by tools/offline_plots.py. Contains Vega, Vega-Lite and vega-embed (BSD-3-Clause,
copyright University of Washington Interactive Data Lab) and D3 (ISC, copyright Mike Bostock). -->
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


def page() -> bytes:
    """The page, with the placeholders of DVC."""
    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version="5.8")
    return PAGE.replace("%s", library).encode()


@command(__doc__)
def main() -> None:
    write(TEMPLATE, page())
    print(f"dvc plots uses {TEMPLATE}, which needs no network")
