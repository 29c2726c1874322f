"""Sweeps: one function at every point of a grid, by whatever executor there is."""
