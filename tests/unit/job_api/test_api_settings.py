"""The settings of an API server, and their sources."""

from pathlib import Path

import pytest

from job_api.command import LAST_STEPS_SECONDS
from job_api.services.queries import QueryLimits
from job_api.services.reports import ReportLimits
from job_api.settings import ApiSettings
from shared.process.settings import MAX_SECONDS, InvalidSettings, file_table, load_settings

pytestmark = [pytest.mark.unit, pytest.mark.thorough]


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the surroundings: an empty working folder and no variables."""
    import os

    for name in [name for name in os.environ if name.startswith("FOREGSYTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def load(*arguments: str) -> ApiSettings:
    return load_settings(ApiSettings, arguments, "foregsyte-api")


def write_file(text: str, name: str = "foregsyte.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_listen_on_this_host_alone_and_keep_data_in_the_working_folder() -> None:
    settings = load()
    assert settings == ApiSettings.of()
    assert settings.address == "127.0.0.1:50051"
    assert settings.data_dir == Path("data")
    assert str(settings.resolved_database_url) == "duckdb:///data/foregsyte.duckdb"
    assert settings.pipelines == ("yolo_ocr", "yolo", "ocr", "codes")
    assert (settings.lease_seconds, settings.max_lost_workers, settings.max_wait_seconds) == (60.0, 3, 30.0)


def test_the_database_lies_in_the_data_folder_unless_it_is_named() -> None:
    assert str(load("--data-dir", "/srv/f").resolved_database_url) == "duckdb:////srv/f/foregsyte.duckdb"
    assert (
        str(load("--data-dir", "/srv/f", "--database-url", "duckdb:///x.db").resolved_database_url) == "duckdb:///x.db"
    )


def test_a_flag_beats_the_variable_the_variable_the_file_and_the_file_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load().lease_seconds == 60
    write_file("[api]\nlease_seconds = 7\n")
    assert load().lease_seconds == 7
    monkeypatch.setenv("FOREGSYTE_LEASE_SECONDS", "8")
    assert load().lease_seconds == 8
    assert load("--lease-seconds", "9").lease_seconds == 9
    assert load("--lease-seconds=9").lease_seconds == 9


def test_each_source_adds_what_the_others_do_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    write_file("[api]\nmax-uploads = 3\n[worker]\npipelines = 'none of our business'\n")
    monkeypatch.setenv("FOREGSYTE_MAX_PAGE_SIZE", "5")
    settings = load("--log-format", "json")
    assert (settings.max_uploads, settings.max_page_size, settings.log_format) == (3, 5, "json")


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    write_file("[api]\ndata_dir = 'videos'\n")
    settings = load()
    for name in [*ApiSettings.model_fields, "config"]:
        monkeypatch.setenv(f"FOREGSYTE_{name.upper()}", "")
    assert load() == settings


def test_an_empty_folder_is_a_mistake_where_it_is_meant() -> None:
    with pytest.raises(InvalidSettings, match=r"--data-dir / FOREGSYTE_DATA_DIR: must not be empty"):
        load("--data-dir=")
    write_file("[api]\ndata_dir = ''\n")
    with pytest.raises(InvalidSettings, match=r"\[api\] data_dir: must not be empty"):
        load()


def test_the_file_can_be_named_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    write_file("[api]\nmax_uploads = 1\n")
    monkeypatch.setenv("FOREGSYTE_CONFIG", str(write_file("[api]\nmax_uploads = 2\n", "other.toml").resolve()))
    assert load().max_uploads == 2


def test_a_named_file_that_is_absent_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREGSYTE_CONFIG", "absent.toml")
    with pytest.raises(InvalidSettings, match=r"absent\.toml"):
        load()


@pytest.mark.parametrize("content", [b"[api\n", b"[api]\nlog_level = \xff\n"])
def test_a_file_that_cannot_be_read_is_named(content: bytes) -> None:
    Path("foregsyte.toml").write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"foregsyte\.toml cannot be read"):
        load()


@pytest.mark.parametrize("line", ["lease_secnds = 7", "lease-secnds = 7", "lease_seconds = 'a'", "lease-seconds = 'a'"])
def test_a_mistake_in_the_file_is_named_by_file_table_and_key_as_written_there(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREGSYTE_CONFIG", str(write_file(f"[api]\n{line}\n", "other.toml")))
    key, value = line.split(" = ")
    with pytest.raises(InvalidSettings, match=rf"^other\.toml \[api\] {key}: .* \(got {value}\)$"):
        load()


def test_what_overrides_the_file_is_blamed_for_its_own_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    write_file("[api]\nlease_seconds = -1\nmax_uploads = -1\n")
    monkeypatch.setenv("FOREGSYTE_LEASE_SECONDS", "-1")
    with pytest.raises(InvalidSettings) as raised:
        load("--max-uploads=-1")
    assert {line.split(": ")[0] for line in str(raised.value).splitlines()} == {
        "--lease-seconds / FOREGSYTE_LEASE_SECONDS", "--max-uploads / FOREGSYTE_MAX_UPLOADS"
    }  # fmt: skip


@pytest.mark.parametrize(
    "written", [("--pipelines", "yolo,ocr"), ("--pipelines", "yolo", "--pipelines", "ocr"), ("--pipelines=yolo, ocr",)]
)
def test_pipelines_are_a_list_on_the_command_line(written: tuple[str, ...]) -> None:
    assert load(*written).pipelines == ("yolo", "ocr")


def test_pipelines_are_a_list_in_the_environment_and_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write_file('[api]\npipelines = ["ocr"]\n')
    assert load().pipelines == ("ocr",)
    write_file('[api]\npipelines = "ocr,yolo"\n')
    assert load().pipelines == ("ocr", "yolo")
    monkeypatch.setenv("FOREGSYTE_PIPELINES", "yolo ,yolo_ocr")
    assert load().pipelines == ("yolo", "yolo_ocr")


@pytest.mark.parametrize("value", ["", "faces", "yolo,faces", ","])
def test_a_pipeline_outside_the_catalogue_is_refused(value: str) -> None:
    with pytest.raises(InvalidSettings, match=r"--pipelines / FOREGSYTE_PIPELINES.*yolo_ocr, yolo, ocr"):
        load(f"--pipelines={value}")


WRONG = {
    "address": "localhost",
    "database_url": "sqlite:///x.db",
    "max_video_bytes": "0",
    "max_uploads": "many",
    "min_free_bytes": "-1",
    "lease_seconds": "-1",
    "max_wait_seconds": "0",
    "log_level": "LOUD",
    "log_format": "xml",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_from_the_command_line(name: str) -> None:
    flag = "--" + name.replace("_", "-")
    with pytest.raises(InvalidSettings, match=rf"{flag} / FOREGSYTE_{name.upper()}: .*{WRONG[name]}"):
        load(f"{flag}={WRONG[name]}")


def test_all_mistakes_are_reported_together_from_wherever_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    in_file, outside_file = ("max_uploads", "unknown_setting"), WRONG.keys() - {"max_uploads"}
    write_file("[api]\nmax_uploads = 0\nunknown_setting = 1\n")
    for name, value in list(WRONG.items())[4:]:
        monkeypatch.setenv(f"FOREGSYTE_{name.upper()}", value)
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in list(WRONG.items())[:3]]
    with pytest.raises(InvalidSettings) as raised:
        load(*arguments)
    lines = str(raised.value).splitlines()
    assert len(lines) == len(WRONG) + 1
    places = [f"--{name.replace('_', '-')} / FOREGSYTE_{name.upper()}" for name in outside_file]
    places += [f"foregsyte.toml [api] {name}" for name in in_file]
    for place in places:
        assert [line for line in lines if line.startswith(f"{place}: ")], place


@pytest.mark.parametrize("given", ["tls-cert-file", "tls-key-file"])
def test_half_of_a_certificate_is_a_mistake_that_names_both_settings(given: str) -> None:
    with pytest.raises(InvalidSettings, match="--tls-cert-file and --tls-key-file must be given together") as raised:
        load(f"--{given}={write_file('', 'part.pem')}")
    assert "FOREGSYTE_SETTINGS" not in str(raised.value)


def test_unknown_flags_are_reported_with_the_other_mistakes() -> None:
    with pytest.raises(InvalidSettings) as raised:
        load("--lease-secnds", "7", "--lease-seconds", "abc", "word")
    [wrong, unknown] = str(raised.value).splitlines()
    assert wrong.startswith("--lease-seconds / FOREGSYTE_LEASE_SECONDS: ")
    assert unknown == "unrecognized arguments: --lease-secnds 7 word (--help lists the settings)"


def test_an_unknown_flag_is_a_mistake_by_itself() -> None:
    with pytest.raises(InvalidSettings, match=r"^unrecognized arguments: --port=1 "):
        load("--port=1")


@pytest.mark.parametrize("table", ["api", "storage.disks"])
def test_a_key_in_both_spellings_is_refused(table: str) -> None:
    write_file(f"[{table}]\nthe-size = 3\nthe_size = 4\n")
    with pytest.raises(InvalidSettings) as raised:
        load()
    assert str(raised.value) == f"foregsyte.toml [{table}]: the-size and the_size are one key"


def test_help_names_every_setting_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        load("--help")
    assert raised.value.code == 0
    shown = capsys.readouterr().out
    flags = {"--" + name.replace("_", "-"): field for name, field in ApiSettings.model_fields.items()}
    for flag, field in flags.items():
        assert (flag in shown) is not bool(file_table(field)), flag
    assert "foregsyte-api" in shown


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in ApiSettings.model_fields.items() if not field.description] == []


def test_settings_do_not_change_once_read() -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.lease_seconds = 1.0


def test_the_limits_reach_the_services() -> None:
    settings = ApiSettings.of(
        max_video_bytes=1,
        min_free_bytes=4,
        max_wait_seconds=5.0,
        max_chunk_bytes=6,
        max_results_bytes=14,
        max_error_message_bytes=8,
        max_inline_results_bytes=10,
        default_page_size=11,
        max_page_size=12,
        max_frames_bytes=13,
    )
    submission, dispatch = settings.submission_limits, settings.dispatch_limits
    assert (submission.max_video_bytes, submission.min_free_bytes) == (1, 4)
    assert (dispatch.max_wait_seconds, dispatch.max_chunk_bytes) == (5.0, 6)
    assert settings.report_limits == ReportLimits(6, 14, 10, 8)
    assert settings.query_limits == QueryLimits(11, 12, 13)
    assert settings.largest_payload_bytes == 14


@pytest.mark.parametrize("flag", ["--max-video-bytes", "--max-results-bytes"])
def test_a_limit_above_what_one_message_carries_is_refused(flag: str) -> None:
    load(f"{flag}=2147418112", "--max-inflight-bytes=4294967296")
    with pytest.raises(InvalidSettings, match=rf"{flag} / .* less than or equal to 2147418112"):
        load(f"{flag}=2147418113", "--max-inflight-bytes=4294967296")


@pytest.mark.parametrize("flag", ["--max-chunk-bytes", "--max-inline-results-bytes", "--max-error-message-bytes"])
def test_a_limit_above_that_of_all_messages_is_refused_and_no_default_has_to_be_lowered(flag: str) -> None:
    largest = ("--max-video-bytes=1000", "--max-results-bytes=2000")
    load(*largest, f"{flag}=2000")
    with pytest.raises(InvalidSettings, match=rf"{flag} must not be above"):
        load(*largest, f"{flag}=2001")


def test_a_table_that_is_none_is_a_mistake() -> None:
    write_file("api = 5\n")
    with pytest.raises(InvalidSettings):
        load()


@pytest.mark.parametrize("name", ["lease-seconds", "max-wait-seconds", "shutdown-seconds"])
@pytest.mark.parametrize("seconds", ["inf", "nan", "1e10"])
def test_what_no_wait_takes_is_no_number_of_seconds(name: str, seconds: str) -> None:
    with pytest.raises(InvalidSettings, match=f"--{name} / FOREGSYTE_"):
        load(f"--{name}={seconds}")


def test_the_longest_time_of_a_setting_is_one_that_every_wait_takes() -> None:
    longest_of_poll = (1 << 31) / 1000
    assert load(f"--shutdown-seconds={MAX_SECONDS}").shutdown_seconds + LAST_STEPS_SECONDS < longest_of_poll
    with pytest.raises(InvalidSettings, match=f"less than or equal to {MAX_SECONDS}"):
        load(f"--shutdown-seconds={MAX_SECONDS + 1}")


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert load("--address=[::1]:50051").address == "[::1]:50051"
    with pytest.raises(InvalidSettings, match=r"must have its IPv6 host in brackets: \[::1\]:50051"):
        load("--address=::1:50051")


def test_a_port_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidSettings):
        load("--address=127.0.0.1:99999")


@pytest.mark.parametrize("url", ["postgres://host/jobs", "duckdb://", "nonsense"])
def test_a_database_url_must_be_duckdbs(url: str) -> None:
    with pytest.raises(InvalidSettings, match="FOREGSYTE_DATABASE_URL"):
        load(f"--database-url={url}")


def test_the_options_of_an_adapter_are_in_a_table_of_its_own() -> None:
    write_file("[api]\nstorage = 'disks'\n[storage.disks]\nthe-folders = ['a']\n[queue.other]\nsize = 1\n[worker]\n")
    settings = load()
    assert settings.storage == "disks"
    assert settings.storage_tables == {"disks": {"the_folders": ["a"]}}
    assert settings.queue_tables == {"other": {"size": 1}}


def test_a_mistake_in_such_a_table_is_named_by_file_and_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREGSYTE_CONFIG", str(write_file("[storage]\ndisks = 5\n", "other.toml")))
    with pytest.raises(InvalidSettings, match=r"^other\.toml \[storage\.disks\]: .*got 5"):
        load()


@pytest.mark.parametrize("content", ["[storages.disks]\n", "[queues]\n", "lease_seconds = 7\n"])
def test_an_unknown_table_is_refused(content: str) -> None:
    write_file(content)
    name = content.strip("[\n").split("]")[0].split(".")[0].split(" ")[0]
    with pytest.raises(InvalidSettings, match=rf"foregsyte\.toml holds '{name}', which is none of \[api\], \[worker\]"):
        load()
