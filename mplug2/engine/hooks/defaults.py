"""The hooks that every run has."""

from __future__ import annotations

from typing import Any

from .bad_samples import BadSampleCount
from .checkpoint import CheckpointHook
from .class_count import ClassCount
from .nonfinite import NonFiniteGuard
from .preemption import StopOnSignal
from .runtime_info import RuntimeInfoHook
from .watchdog import Watchdog

DEFAULT_HOOKS: dict[str, Any] = dict(
    runtime_info=dict(type=RuntimeInfoHook),
    sampler_seed=None,  # our samplers need no epoch
    checkpoint=dict(type=CheckpointHook),
    stop_on_signal=dict(type=StopOnSignal),
    nonfinite=dict(type=NonFiniteGuard),
    bad_samples=dict(type=BadSampleCount),
    class_count=dict(type=ClassCount),
    watchdog=dict(type=Watchdog),
)


def default_hooks(hooks: dict[str, Any] | None) -> dict[str, Any]:
    """`DEFAULT_HOOKS` and those of a config, which may give settings of a default one without its type."""
    complete = dict(DEFAULT_HOOKS)
    for name, hook in (hooks or {}).items():
        settings = isinstance(hook, dict) and 'type' not in hook
        complete[name] = {**(complete.get(name) or {}), **hook} if settings else hook
    return complete
