"""One adapter for each foreign weight format."""
