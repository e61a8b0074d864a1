# Fine-tuning of texts alone as BERT has it (Devlin et al. 2019, Appendix A.3): AdamW with weight decay 0.01 and betas (0.9,
# 0.999), a rate that rises over the first tenth of the steps, which a config counts, and falls linearly to nothing.
from mmengine.config import read_base
from mmengine.optim import LinearLR

with read_base():
    from .finetune_language import *

optim_wrapper['optimizer'].update(betas=(0.9, 0.999), weight_decay=0.01)
decay = dict(type=LinearLR, start_factor=1.0, end_factor=0.0, begin=500, by_epoch=False)
param_scheduler = [warm_up, decay]
