"""The conformance tests of storages, and tests of several disks alone."""

from pathlib import Path
from uuid import UUID

import pytest
from foregsyte_adapters.several_disks import SeveralDisks

from job_api.storage.keys import input_key
from job_api.testing.storage import MakeStorage, StorageConformance, load, save


class TestSeveralDisks(StorageConformance):
    @pytest.fixture
    def make_storage(self) -> MakeStorage:
        return lambda folder: SeveralDisks([str(folder / "one"), str(folder / "two"), str(folder / "three")])


def test_the_files_are_spread_over_the_disks_and_found_again(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    keys = [input_key(UUID(int=number)) for number in range(50)]
    for key in keys:
        save(SeveralDisks(list(map(str, folders))), key, key.encode())
    assert all(10 < len(list(folder.rglob("*.mp4"))) < 40 for folder in folders)
    assert [load(SeveralDisks(list(map(str, folders))), key) for key in keys] == [key.encode() for key in keys]


@pytest.mark.parametrize("folders", [[], ["a", "a"]])
def test_invalid_folders_are_refused(folders: list[str]) -> None:
    with pytest.raises(ValueError, match="folders"):
        SeveralDisks(folders)
