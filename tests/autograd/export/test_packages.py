"""Packages that exports need, and the version that they say they are of."""

import sys
from importlib import metadata

import pytest

from autograd.export import _packages


@pytest.mark.parametrize("name", _packages.EXTRAS)
def test_package_that_is_missing_is_an_error_that_names_the_command(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    install = rf"to_it needs {_packages.EXTRAS[name]}: python -m pip install 'scalar-autograd\[{name}\]'"
    with pytest.raises(ImportError, match=install):
        _packages.optional_package(name, "to_it")


def test_version_is_that_of_the_distribution_if_it_is_installed(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: f"1.2.3 of {name}")
    assert _packages.version() == "1.2.3 of scalar-autograd"

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert _packages.version() == "(not installed)"
