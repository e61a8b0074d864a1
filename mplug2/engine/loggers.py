"""Where a run is logged beside its work directory: MMEngine's backends by short names."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

# Name -> the package that it needs, and MMEngine's backend, or the module that registers one.
LOGGERS = {
    'tensorboard': ('tensorboard', 'TensorboardVisBackend'),
    'wandb': ('wandb', 'WandbVisBackend'),
    'mlflow': ('mlflow', 'MLflowVisBackend'),
    'clearml': ('clearml', 'ClearMLVisBackend'),
    'swanlab': ('swanlab', 'SwanlabVisBackend'),
    'aim': ('aim', 'AimVisBackend'),
}
REGISTERED_BY = {'swanlab': 'swanlab.integration.mmengine'}


def visualizer_of(names: Sequence[str]) -> dict:
    """The config of a visualizer that logs to files, as always, and to the named loggers.

    Raises:
        ImportError: a logger's package is not installed; says how it is.
    """
    backends = [dict(type='LocalVisBackend')]  # names, because MMEngine cannot print a config to which a class was added
    for name in dict.fromkeys(names):
        package, backend = LOGGERS[name]
        if find_spec(package) is None:
            raise ImportError(f'--logger {name} needs the package {package}, which is not installed: pip install {package}')
        if name in REGISTERED_BY:
            import_module(REGISTERED_BY[name])
        backends.append(dict(type=backend))
    return dict(type='Visualizer', vis_backends=backends)
