"""The golden files: what a real cluster answered, by scenario and release of kubectl."""

from pathlib import Path
from typing import Any

import yaml

GOLDEN = Path(__file__).parents[1] / "golden" / "conformance"
MAIN = "1.37"
"""The release of kubectl with which the files are recorded; for others there is a folder with
the records that differ from those."""


def recorded_releases() -> list[str]:
    others = [path.name.removeprefix("kubectl-") for path in GOLDEN.glob("kubectl-*")]
    return [MAIN, *sorted(others)]


def read_golden(name: str, release: str) -> list[dict[str, Any]]:
    """The records in the order of the scenario's commands; empty when nothing was recorded."""
    records: list[dict[str, Any]] = _read(GOLDEN / f"{name}.yaml")
    if release != MAIN:
        for differing in _read(_beside(name, release)):
            number = differing.pop("number")
            if number < len(records):
                records[number] = differing
    return records


def write_golden(name: str, release: str, records: list[dict[str, Any]]) -> None:
    if release == MAIN:
        _write(GOLDEN / f"{name}.yaml", records)
        return
    main = read_golden(name, MAIN)
    assert len(main) == len(records), f"record {name} with kubectl {MAIN} before {release}"
    differing = [
        {"number": number, **record}
        for number, (record, usual) in enumerate(zip(records, main, strict=True))
        if record != usual
    ]
    _beside(name, release).unlink(missing_ok=True)
    if differing:
        _write(_beside(name, release), differing)


def _beside(name: str, release: str) -> Path:
    return GOLDEN / f"kubectl-{release}" / f"{name}.yaml"


def _read(path: Path) -> list[dict[str, Any]]:
    return yaml.safe_load(path.read_text()) if path.exists() else []


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.dump(records, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    path.write_text(text)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, so that a golden file reads as a terminal."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
