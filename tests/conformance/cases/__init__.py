"""All cases, in the order of their numbers."""

from __future__ import annotations

from case import Case
from cases import (attacks, balancer, closing, connecting, health, integrity, lifecycle, limits,
                   logs, neighbours, operator, progress, reaching, reload, resets, routes, stalls,
                   unix, upgrade, vanish)

_MODULES = (integrity, closing, resets, stalls, connecting, limits, attacks, lifecycle, logs,
            vanish, progress, neighbours, reaching, reload, unix, upgrade, health, operator, routes,
            balancer)

ALL = sorted((value for module in _MODULES for value in vars(module).values()
              if isinstance(value, Case)), key=lambda case: case.number)
