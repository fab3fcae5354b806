"""Let `dvc plots` make pages that need no network: python tools/offline_plots.py

By default such a page loads its drawing library from the network and is blank without. This
puts the library, from the package vl-convert-python, into a template of the page, and tells DVC
of it in .dvc/config.local.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import vl_convert

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ".dvc/tmp/plots_page.html"
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
    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version="5.8")
    path = ROOT / TEMPLATE
    path.parent.mkdir(exist_ok=True)
    path.write_text(PAGE.replace("%s", library), encoding="utf-8")
    subprocess.run(
        ["dvc", "config", "--local", "plots.html_template", str(path.relative_to(ROOT / ".dvc"))],
        cwd=ROOT,
        check=True,
    )
    print(f"dvc plots draws with {TEMPLATE}, without the network")


if __name__ == "__main__":
    main()
