# What makes the paper's form of the release's, for `model.merge`: post-norm blocks with one local temporal module, over all
# channels and for videos alone (Eq. 1-5); every universal layer runs the queries, and cross-attention merges them (Eq. 6-10).
paper = dict(
    network=dict(
        vision_encoder=dict(
            norm='post',
            temporal_at=('attention',),
            temporal_on_images=False,
            temporal=dict(activation='relu', bias=False),
        ),
        universal=dict(form='paper'),
    )
)
