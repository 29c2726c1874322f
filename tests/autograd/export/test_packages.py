"""Packages that exports need, and the version that they say they are of."""

from importlib import metadata

from autograd.export import _packages


def test_version_is_that_of_the_distribution_if_it_is_installed(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: f"1.2.3 of {name}")
    assert _packages.version() == "1.2.3 of scalar-autograd"

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert _packages.version() == "(not installed)"
