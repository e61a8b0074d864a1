"""What a training needs, before you rent GPUs."""
