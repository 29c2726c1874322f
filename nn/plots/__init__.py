"""Plots of training, as Matplotlib figures that show themselves in a notebook or are saved."""

from nn.plots.chart import Chart as Chart
from nn.plots.figures import confusion_matrix as confusion_matrix
from nn.plots.figures import decision_boundary as decision_boundary
from nn.plots.figures import gradient_norms as gradient_norms
from nn.plots.figures import history as history
from nn.plots.figures import mistakes as mistakes
from nn.plots.figures import regression_line as regression_line
