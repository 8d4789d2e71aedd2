"""A file is written whole or not at all."""

import os
import re
from pathlib import Path

import pytest

from job_client.files import written_whole
from tests.support.other_systems import not_on_windows

pytestmark = pytest.mark.unit


def test_the_file_is_there_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with written_whole(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


def test_the_temporary_file_keeps_the_suffix_that_libraries_go_by(tmp_path: Path) -> None:
    with written_whole(tmp_path / "out.mp4") as temporary:
        assert temporary.suffix == ".mp4"


@pytest.mark.parametrize("name", [f"{'n' * 251}.mp4", f"Nr. {'n' * 251}"])
def test_every_name_that_the_system_takes_can_be_written(name: str, tmp_path: Path) -> None:
    with written_whole(tmp_path / name) as temporary:
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def write_and_raise(target: Path, error: type[BaseException]) -> None:
    with written_whole(target) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_whatever_ends_the_block_leaves_the_old_file_and_nothing_else(
    error: type[BaseException], tmp_path: Path
) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(error):
        write_and_raise(target, error)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@not_on_windows
def test_the_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        with written_whole(tmp_path / "out.txt"):
            pass
    finally:
        os.umask(mask)
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o640


def test_behind_a_link_its_target_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "elsewhere" / "out.txt")
    with written_whole(link) as temporary:
        temporary.write_text("whole")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "out.txt").read_text() == "whole"


@not_on_windows
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    target.chmod(0o600)
    with written_whole(target) as temporary:
        assert temporary.stat().st_mode & 0o777 == 0o600
        temporary.write_text("whole")
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("whole", 0o600)


def test_all_links_to_a_file_show_what_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "out.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.hardlink_to(target)
    with written_whole(target) as temporary:
        temporary.write_text("whole")
        assert link.read_text() == "old"
    assert link.read_text() == "whole"
    assert target.samefile(link)


def test_a_file_that_may_not_be_written_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    target.chmod(0o444)
    with pytest.raises(PermissionError, match=r"out\.txt may not be written"), written_whole(target):
        pass
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with (
        pytest.raises(FileNotFoundError, match=re.escape(f"there is no folder {absent}; make it")),
        written_whole(absent / "out"),
    ):
        pass


@not_on_windows
def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with written_whole(pipe) as provided:
        provided.write_text("whole")
    assert os.read(reading, 100) == b"whole"
    os.close(reading)
    assert list(tmp_path.iterdir()) == [pipe]


def test_what_it_is_made_of_is_never_replaced(tmp_path: Path) -> None:
    source, link = tmp_path / "video.mp4", tmp_path / "link.mp4"
    source.write_text("original")
    link.hardlink_to(source)
    for target in (source, link):
        with pytest.raises(OSError, match="name another file"), written_whole(target, source) as temporary:
            temporary.write_text("copy")
    assert source.read_text() == "original"
