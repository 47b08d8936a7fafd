"""The state directory: claimed, refused, cleared."""

from pathlib import Path

import pytest

from localcluster.cli import main
from localcluster.errors import InputError
from localcluster.state import StateDir


def test_a_directory_is_claimed_by_one_server_at_a_time(tmp_path: Path) -> None:
    one, two = StateDir(tmp_path / "s"), StateDir(tmp_path / "s")
    one.make()
    one.claim()
    with pytest.raises(InputError, match="already running"):
        two.claim()


def test_clearing_removes_what_is_ours_and_the_directory(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "s")
    state.make()
    for folder in (state.pods, state.volumes, state.tls):
        (folder / "deep").mkdir(parents=True)
    for file in (state.kubeconfig, state.journal, state.log):
        file.write_text("x")
    state.clear()
    assert not state.path.exists()


def test_foreign_files_stay(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    state.make()
    state.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_directory_with_folders_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pods").mkdir()
    with pytest.raises(InputError, match="no cluster made"):
        StateDir(tmp_path).make()
    StateDir(tmp_path).clear()
    assert (tmp_path / "pods").exists()


def test_a_path_below_a_file_is_told_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to the state directory") as error:
        StateDir(tmp_path / "file" / "s").make()
    assert "fix:" in str(error.value)


def test_down_and_status_of_nothing_are_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["down", "--state", str(tmp_path / "none")]) == 0
    assert main(["status", "--state", str(tmp_path / "none")]) == 1
    assert "not running" in capsys.readouterr().out


def test_asking_for_a_kubeconfig_of_nothing_names_the_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kubeconfig", "--state", str(tmp_path)]) == 2
    assert "localcluster up" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--compress", "0"], ["--compress", "x"], ["--port", "70000"]])
def test_options_out_of_range_end_with_exit_code_2(tmp_path: Path, option: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["serve", "--state", str(tmp_path / "s"), *option])
    assert error.value.code == 2
    assert not (tmp_path / "s").exists()
