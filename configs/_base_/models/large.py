# What makes mPLUG-2 Large of Base, for `model.merge`: the published sizes (ViT-L/14, BERT-Large), and with them the weights.
layer = dict(width=1024, num_heads=16, ffn_dim=4096)
large = dict(
    network=dict(
        vision_encoder=dict(patch_size=14, num_layers=24, **layer),
        text_encoder=dict(num_layers=22, **layer),
        universal=dict(**layer),
        fusion=dict(num_layers=6, **layer),
        decoder=dict(**layer),
    )
)
large_pretrained = dict(**large, init_cfg=dict(source='weights/mplug2_large_pretrain.pth'))
