"""Any config at a tiny size, on the mini benchmark."""
