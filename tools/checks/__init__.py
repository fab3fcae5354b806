"""Compute committed results again: hotcold check replay, hotcold check recompute"""

from hotcold.commands import group

main = group(__doc__, {name: f"tools.checks.{name}" for name in ("recompute", "replay")})
