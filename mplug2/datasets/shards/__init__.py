"""Sharded tar files: index, reading, writing, packed text."""
