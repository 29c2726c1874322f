"""Sweeps: one function at every point of a grid, by whatever executor there is."""

from nn.sweeping.sweep_table import Member as Member
from nn.sweeping.sweep_table import SweepTable as SweepTable
from nn.sweeping.sweeps import sweep as sweep
