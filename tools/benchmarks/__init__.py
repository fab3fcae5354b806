"""Measure the code: hotcold bench speed"""

from hotcold.commands import group

main = group(__doc__, {"speed": "tools.benchmarks.speed"})
