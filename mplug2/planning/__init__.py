"""What a training needs, before GPUs are hired."""
