"""Config files: loading, overrides, where a value comes from."""
