"""Measure the code: hotcold bench speed, hotcold bench coverage"""

from hotcold.commands import group

main = group(__doc__, {name: f"tools.benchmarks.{name}" for name in ("coverage", "speed")})
