"""An example of a plug-in: importing it registers a temporal module, a task and a metric."""

from .direction import DirectionAccuracy, TimeDirection
from .temporal_shift import TemporalShift

__all__ = ['DirectionAccuracy', 'TemporalShift', 'TimeDirection']
