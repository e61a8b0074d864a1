"""The number formats that a model runs in, by name; importing this imports no PyTorch."""

DTYPES = ('float32', 'bfloat16', 'float16')
