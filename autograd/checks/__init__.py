"""Checks of derivatives and values: finite differences, `gradcheck`, and `detect_anomaly`."""

from autograd.checks.anomaly import Located as Located
