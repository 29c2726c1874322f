"""Training: steps, the base class of optimisers, history and early stopping, metrics, progress, and saved models."""
