"""Data sets: generated, shipped, and read from tables."""
