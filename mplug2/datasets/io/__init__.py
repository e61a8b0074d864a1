"""Reading files: video, images, annotations; the bad-sample policy."""
