"""The pipeline catalogue, and the tables `[pipelines.NAME]`: what both sides refuse, and where they say it stands."""

from pathlib import Path

import pytest

from job_api.settings import ApiSettings
from job_worker.settings import WorkerSettings
from shared.pipelines.catalogue import BUILT_IN_PIPELINES, PipelineCatalogue
from shared.pipelines.languages import BUNDLED, LANGUAGES_OF, recognition_model_for
from shared.pipelines.settings import PipelineSettings
from shared.process.settings import InvalidSettings, load_settings

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("nothing_set")]

both_sides = pytest.mark.parametrize("side", [ApiSettings, WorkerSettings], ids=["api", "worker"])

SIGNS = """
[pipelines.signs]
kind = "yolo"
description = "Road signs, one class a sign."
weights = "signs.pt"
classes = ["stop", "yield"]
confidence = 0.4
iou = 0.6
image-size = 960

[pipelines.captions]
kind = "ocr"
languages = ["ko", "en"]
ocr_confidence = 0.7
profile = "fast"
"""


def load(side: type[PipelineSettings], text: str, *arguments: str) -> PipelineSettings:
    Path("foregsyte.toml").write_text(text, encoding="utf-8")
    weights = ["--yolo-weights", "w.pt"] if side is WorkerSettings else []
    return load_settings(side, [*weights, *arguments], "foregsyte")


def mistake(side: type[PipelineSettings], text: str, *arguments: str) -> str:
    with pytest.raises(InvalidSettings) as raised:
        load(side, text, *arguments)
    return str(raised.value)


def test_the_built_in_pipelines_are_there_without_a_file() -> None:
    catalogue = PipelineCatalogue()
    assert catalogue.names == ("yolo_ocr", "yolo", "ocr", "codes")
    assert [catalogue.get(name).built_in for name in catalogue.names] == list(BUILT_IN_PIPELINES.values())


def test_a_name_stands_for_its_table_or_else_for_the_kind_of_that_name() -> None:
    catalogue = load(ApiSettings, SIGNS).catalogue
    assert (catalogue.get("signs").kind, catalogue.get("signs").classes) == ("yolo", ("stop", "yield"))
    assert (catalogue.get("yolo").kind, catalogue.get("yolo").classes) == ("yolo", ())
    with pytest.raises(ValueError, match="must be one of yolo_ocr, yolo, ocr, codes"):
        catalogue.get("sings")


@both_sides
def test_all_pipelines_of_the_file_are_offered_and_run_unless_it_is_said(side: type[PipelineSettings]) -> None:
    assert load(side, SIGNS).pipelines == ("yolo_ocr", "yolo", "ocr", "codes", "signs", "captions")  # type: ignore[attr-defined]
    assert load(side, SIGNS, "--pipelines", "signs,ocr").pipelines == ("signs", "ocr")  # type: ignore[attr-defined]


@both_sides
def test_a_pipeline_that_nobody_names_is_refused_with_those_that_there_are(side: type[PipelineSettings]) -> None:
    message = mistake(side, SIGNS, "--pipelines", "sings")
    assert "must name one or more of yolo_ocr, yolo, ocr, codes, signs, captions" in message


WRONG = {
    'kind = "yollo"': "kind: must be one of yolo_ocr, yolo, ocr, codes (got 'yollo')",
    "weights = 'w.pt'": "kind: Field required",
    'kind = "yolo"\nwieghts = "x"': "wieghts: Extra inputs are not permitted (got 'x')",
    'kind = "yolo"\nconfidence = 40': "confidence: Input should be less than or equal to 1 (got 40)",
    'kind = "yolo"\nimage_size = 0': "image_size: Input should be greater than 0 (got 0)",
    'kind = "yolo"\nimage-size = 1\nimage_size = 2': "image_size: Extra inputs are not permitted (got 2)",
    'kind = "yolo"\nclasses = "stop"': "classes: Input should be a valid tuple (got 'stop')",
    'kind = "yolo"\nclasses = [1]': "classes.0: Input should be a valid string (got 1)",
    'kind = "yolo"\nweights = ""': "weights: String should have at least 1 character (got '')",
    'kind = "yolo"\nlanguages = ["ko"]': "the kind yolo has no use for languages",
    'kind = "ocr"\nweights = "w.pt"\nclasses = ["a"]': "the kind ocr has no use for classes, weights",
    'kind = "ocr"\nlanguages = ["xx"]': "languages: xx is no language that a model reads; there are af, ar,",
    'kind = "ocr"\nlanguages = ["ko", "el"]': "languages: no one model reads el, ko: make a pipeline for each script",
    'kind = "ocr"\nlanguages = ["ko"]\nocr_recognition_model = "m"': "languages choose the model for recognition",
    'kind = "codes"\nlanguages = ["de"]': "the kind codes has no use for languages",
    'kind = "codes"\ncodes = false': "the kind codes has no use for codes",
    'kind = "codes"\nprofile = "exact"': "the kind codes has no use for profile",
    'kind = "ocr"\nprofile = "slow"': "profile: Input should be 'exact', 'balanced' or 'fast' (got 'slow')",
}


@both_sides
@pytest.mark.parametrize("table", WRONG)
def test_a_table_that_makes_no_sense_is_named_by_file_table_and_key(side: type[PipelineSettings], table: str) -> None:
    message = mistake(side, f"[pipelines.signs]\n{table}\n")
    assert message.startswith("foregsyte.toml [pipelines.signs]")
    assert WRONG[table] in message
    assert len(message.splitlines()) == 1


@both_sides
def test_the_mistakes_of_all_tables_are_reported_together(
    side: type[PipelineSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("other.toml").write_text("[pipelines.a]\nkind = 'a'\n[pipelines.b]\nkind = 'ocr'\niou = 2\n[pipelines]\nc = 1")
    monkeypatch.setenv("FOREGSYTE_CONFIG", "other.toml")
    lines = mistake(side, "", "--log-level", "LOUD").splitlines()
    assert [line.split(":")[0] for line in sorted(lines)] == [
        "--log-level / FOREGSYTE_LOG_LEVEL",
        "other.toml [pipelines.a] kind",
        "other.toml [pipelines.b] iou",
        "other.toml [pipelines.c]",
    ]


@both_sides
def test_tables_that_are_none_are_a_mistake(side: type[PipelineSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREGSYTE_PIPELINE_TABLES", "5")
    assert mistake(side, "") == "foregsyte.toml [pipelines]: Input should be a valid dictionary (got 5)"


@both_sides
@pytest.mark.parametrize("name", ["yolo", "a name", "", "-x", "x" * 65, "a,b"])
def test_a_name_that_cannot_be_told_apart_or_written_is_refused(side: type[PipelineSettings], name: str) -> None:
    assert mistake(side, f'[pipelines."{name}"]\nkind = "ocr"\n').startswith(f"foregsyte.toml [pipelines.{name}]")


def test_clients_get_what_the_file_says_or_else_what_follows_from_it() -> None:
    text = SIGNS + '[pipelines.people]\nkind = "yolo"\nclasses = ["person"]\n'
    settings = load(ApiSettings, text)
    assert isinstance(settings, ApiSettings)
    assert settings.catalogue.describe(settings.pipelines[3:], settings.profile) == {
        "codes": "What QR codes, Data Matrix, Aztec, PDF417 and linear codes (zxing-cpp) in every frame say.",
        "signs": "Road signs, one class a sign. Profile balanced.",
        "captions": "Text (PaddleOCR) in every frame. Languages: ko, en. Profile fast: text is looked for at a long "
        "side of 640 pixels, small type above 1080p at 1/3 of the size too; some small text is missed, "
        "long lines are read at 0.8 of their width.",
        "people": "Objects (YOLO detection) in every frame. Objects: person. Profile balanced.",
    }


def test_what_a_table_does_not_say_is_the_workers_own() -> None:
    worker = load(WorkerSettings, SIGNS, "--yolo-iou", "0.9", "--ocr-confidence", "0.2", "--profile", "exact")
    assert isinstance(worker, WorkerSettings)
    signs, captions = worker.of_pipeline("signs"), worker.of_pipeline("captions")
    assert (signs.yolo_weights, signs.yolo_confidence, signs.yolo_iou, signs.yolo_image_size) == (
        "signs.pt", 0.4, 0.6, 960
    )  # fmt: skip
    assert (signs.profile.value, signs.ocr_confidence) == ("exact", 0.2)
    assert (captions.yolo_weights, captions.yolo_iou, captions.ocr_confidence) == ("w.pt", 0.9, 0.7)
    assert (captions.profile.value, captions.ocr_recognition_model) == ("fast", "korean_PP-OCRv5_mobile_rec")
    assert worker.of_pipeline("yolo") == worker


def test_languages_that_the_bundled_model_reads_need_no_other() -> None:
    assert recognition_model_for(["de", "fr", "zh"]) == recognition_model_for([]) == BUNDLED
    worker = load(WorkerSettings, '[pipelines.de]\nkind="ocr"\nlanguages=["de"]\n', "--ocr-recognition-model", "m")
    assert isinstance(worker, WorkerSettings)
    assert worker.of_pipeline("de").ocr_recognition_model == BUNDLED


def test_each_language_is_read_by_the_first_model_that_reads_it() -> None:
    for name, languages in LANGUAGES_OF.items():
        assert recognition_model_for(languages) == name
