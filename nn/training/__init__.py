"""The training loop's machinery: steps, optimisers' base, history, metrics, progress, and models in files."""
