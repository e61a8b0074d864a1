"""Config files: loading, overrides, where a value comes from."""

from .command_line import DictAction
from .load import config_folder, find_config, load_config, shipped_configs

__all__ = ['DictAction', 'config_folder', 'find_config', 'load_config', 'shipped_configs']
