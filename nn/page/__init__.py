"""Playground: a page on which a model learns, in a browser and without Python.

The page is one file without any network: the model's loss as JavaScript, printed from its instructions, the update
formulas of the optimisers, the data, and the playground files that stand beside this one.
"""
