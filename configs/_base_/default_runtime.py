# What every config shares: logging, checkpoints, seed.
from mmengine.hooks import LoggerHook
from mmengine.visualization import LocalVisBackend, Visualizer

from mplug2.engine import CheckpointHook

default_scope = None  # names are looked up by our runner; a scope would break libraries that build from strings of their own
default_hooks = dict(logger=dict(type=LoggerHook, interval=50, log_metric_by_epoch=False), checkpoint=dict(type=CheckpointHook))
visualizer = dict(type=Visualizer, vis_backends=[dict(type=LocalVisBackend)])
env_cfg = dict(
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=1),
    dist_cfg=dict(backend='nccl', timeout=7200),  # seconds; one process scores what all have found: SPICE parses for long
)
randomness = dict(seed=0)
log_level = 'INFO'
load_from = None
resume = False
