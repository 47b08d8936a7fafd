"""The secrets that a run itself holds, for whoever writes or prints what it did."""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from rundrill.redaction import Known, Redactor, of_kubeconfig, of_names


def redactor_of(kubeconfig: Path, placeholders: Mapping[str, object]) -> Redactor:
    """It knows the credentials of the kubeconfig, and those that are passed on to commands."""
    try:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        config = None  # whoever uses it tells why
    return Redactor(Known([*of_kubeconfig(config), *of_names(os.environ), *of_names(placeholders)]))
