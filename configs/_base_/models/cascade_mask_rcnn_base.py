# Cascade Mask R-CNN on the Base network, as ViTDet has it (Li et al. 2022): four convolutions and one linear layer in the box
# heads, two convolutions in the RPN, layer norm in box and mask heads, boxes that extend beyond the image as anchors too.
# Another number of categories: --cfg-options model.num_classes=1203
from mmdet.models import (
    CascadeRoIHead,
    CrossEntropyLoss,
    DetDataPreprocessor,
    FCNMaskHead,
    RPNHead,
    Shared4Conv1FCBBoxHead,
    SingleRoIExtractor,
    SmoothL1Loss,
)
from mmdet.models.task_modules import AnchorGenerator, DeltaXYWHBBoxCoder, MaxIoUAssigner, RandomSampler

from mplug2.detection import CascadeMaskRCNN, ChannelNorm, SimpleFeaturePyramid, VisionBackbone
from mplug2.modules import DualVisionEncoder, LocalTemporal, UniversalLayers
from mplug2.networks import MPlug2Network

custom_imports = dict(imports=['mplug2.detection'])  # before mmdet.models, which may lack a compiled mmcv
layer = dict(width=768, num_heads=12, ffn_dim=3072)
normalised = dict(norm_cfg=dict(type=ChannelNorm), conv_cfg=None)
classify = dict(type=CrossEntropyLoss, use_sigmoid=False)
regress = dict(type=SmoothL1Loss, beta=1.0)
no_mean = (0.0, 0.0, 0.0, 0.0)
suppress = dict(type='nms', iou_threshold=0.7)

model = dict(
    type=CascadeMaskRCNN,
    num_classes=80,
    data_preprocessor=dict(
        type=DetDataPreprocessor,
        mean=[122.771, 116.746, 104.094],  # CLIP's, in units of [0, 255]
        std=[68.501, 66.632, 70.323],
        bgr_to_rgb=True,
        pad_mask=True,
        pad_size_divisor=64,
    ),
    backbone=dict(
        type=VisionBackbone,
        network=dict(
            type=MPlug2Network,
            vision_encoder=dict(
                type=DualVisionEncoder,
                image_size=1024,
                patch_size=16,
                num_layers=12,
                temporal=dict(type=LocalTemporal),
                window=14,
                global_blocks=(2, 5, 8, 11),
                drop_path=0.1,
                **layer,
            ),
            universal=dict(type=UniversalLayers, num_layers=2, num_queries=50, **layer),
        ),
    ),
    neck=dict(type=SimpleFeaturePyramid, width=768, out_channels=256, scales=(4, 2, 1, 0.5), num_outs=5),
    rpn_head=dict(
        type=RPNHead,
        in_channels=256,
        feat_channels=256,
        num_convs=2,
        anchor_generator=dict(type=AnchorGenerator, scales=[8], ratios=[0.5, 1.0, 2.0], strides=[4, 8, 16, 32, 64]),
        bbox_coder=dict(type=DeltaXYWHBBoxCoder, target_means=no_mean, target_stds=(1.0, 1.0, 1.0, 1.0)),
        loss_cls=dict(type=CrossEntropyLoss, use_sigmoid=True),
        loss_bbox=dict(type=SmoothL1Loss, beta=1 / 9),
    ),
    roi_head=dict(
        type=CascadeRoIHead,
        num_stages=3,
        stage_loss_weights=[1, 0.5, 0.25],
        bbox_roi_extractor=dict(
            type=SingleRoIExtractor,
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
            out_channels=256,
            featmap_strides=[4, 8, 16, 32],
        ),
        bbox_head=[
            dict(
                type=Shared4Conv1FCBBoxHead,
                in_channels=256,
                conv_out_channels=256,
                fc_out_channels=1024,
                roi_feat_size=7,
                num_classes=80,
                bbox_coder=dict(type=DeltaXYWHBBoxCoder, target_means=no_mean, target_stds=stds),
                reg_class_agnostic=True,
                loss_cls=classify,
                loss_bbox=regress,
                **normalised,
            )
            for stds in ((0.1, 0.1, 0.2, 0.2), (0.05, 0.05, 0.1, 0.1), (0.033, 0.033, 0.067, 0.067))
        ],
        mask_roi_extractor=dict(
            type=SingleRoIExtractor,
            roi_layer=dict(type='RoIAlign', output_size=14, sampling_ratio=0),
            out_channels=256,
            featmap_strides=[4, 8, 16, 32],
        ),
        mask_head=dict(
            type=FCNMaskHead,
            num_convs=4,
            in_channels=256,
            conv_out_channels=256,
            num_classes=80,
            loss_mask=dict(type=CrossEntropyLoss, use_mask=True),
            **normalised,
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(type=MaxIoUAssigner, pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3, ignore_iof_thr=-1),
            sampler=dict(type=RandomSampler, num=256, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=False),
            allowed_border=-1,
            pos_weight=-1,
            debug=False,
        ),
        rpn_proposal=dict(nms_pre=2000, max_per_img=1000, nms=suppress, min_bbox_size=0),
        rcnn=[
            dict(
                assigner=dict(
                    type=MaxIoUAssigner,
                    pos_iou_thr=overlap,
                    neg_iou_thr=overlap,
                    min_pos_iou=overlap,
                    match_low_quality=False,
                    ignore_iof_thr=-1,
                ),
                sampler=dict(type=RandomSampler, num=512, pos_fraction=0.25, neg_pos_ub=-1, add_gt_as_proposals=True),
                mask_size=28,
                pos_weight=-1,
                debug=False,
            )
            for overlap in (0.5, 0.6, 0.7)
        ],
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=1000, max_per_img=1000, nms=suppress, min_bbox_size=0),
        rcnn=dict(score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100, mask_thr_binary=0.5),
    ),
)
