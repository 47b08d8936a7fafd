"""The synthetic runs, loaded by path: this folder is no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load() -> ModuleType:
    name = "rundrill_sample_run"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "sample_run.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def runs() -> ModuleType:
    """The module `sample_run`."""
    return _load()


@pytest.fixture(params=["held", "broken", "invalid", "aborted", "dry", "accepted", "control"])
def sample(request: pytest.FixtureRequest, runs: ModuleType) -> object:
    """One synthetic run after the other: its events and its verdict."""
    return getattr(runs, request.param)()
