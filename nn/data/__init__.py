"""Data to train on: made, shipped, and read from tables."""
