"""Pipelines of plugins: an unusable one is reported at start, an unfit result before it is stored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from job_worker.analysis.build_pipelines import build_pipelines
from job_worker.analysis.pipeline import Analysis, Pipeline
from job_worker.analysis.plugin_pipeline import PluginPipeline
from job_worker.errors import JobCannotBeDone, ModelLoadError
from job_worker.settings import WorkerSettings
from shared.pipelines.catalogue import PipelineCatalogue
from shared.pipelines.profiles import Profile
from shared.process.plugins import PluginUnusable
from shared.process.settings import InvalidSettings, load_settings
from shared.results import MAX_FRAME_LISTS, MAX_NESTING
from tests.support.packages import make_package

pytestmark = [pytest.mark.unit, pytest.mark.worker]

GROUP = "foregsyte.pipelines"
IMAGE = np.zeros((8, 8, 3), np.uint8)

SOURCE = """
    from job_worker.errors import ModelLoadError

    class Fine:
        description = "  What is there.  "
        def __init__(self, weight=1):
            if weight == -2:
                raise SystemExit("usage: fine WEIGHT")
            if weight < 0:
                raise ValueError("weight must not be negative")
            if weight == 0:
                raise ModelLoadError("the model of no weight is not there")
            self.weight = weight
        def analyse(self, image):
            return {"weight": self.weight}

    class Silent(Fine):
        description = ""

    class Empty:
        description = "Nothing."

    thing = "a thing"
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with one pipeline that can be used, and several that cannot."""
    points = {name.lower(): f"many:{name}" for name in ("Fine", "Silent", "Empty", "Lost", "thing")}
    monkeypatch.syspath_prepend(make_package(tmp_path / "site", "many", GROUP, points, SOURCE))
    monkeypatch.chdir(tmp_path)


def settings(pipelines: str, **tables: dict[str, object]) -> WorkerSettings:
    return WorkerSettings.of(pipelines=pipelines, pipeline_tables=tables)


def analysis(pipeline: Pipeline) -> Analysis:
    [found] = pipeline.analyse_batch([IMAGE])
    return found


NO_PIPELINES = {
    "lost": r"the pipeline 'lost' of many 1\.2 cannot be loaded from many:Lost: AttributeError",
    "silent": r"'silent' of many 1\.2 is no pipeline: many:Silent must be .* with a description",
    "thing": r"'thing' of many 1\.2 is no pipeline",
}  # fmt: skip


@pytest.mark.usefixtures("plugins")
class TestAtStart:
    def test_plugins_are_offered_behind_the_built_in_pipelines(self) -> None:
        every = WorkerSettings.of(yolo_weights="w.pt").pipelines
        assert every == ("yolo_ocr", "yolo", "ocr", "codes", "empty", "fine", "lost", "silent", "thing")

    def test_clients_get_its_description_or_else_that_of_the_file(self) -> None:
        catalogue = settings("fine", own={"kind": "fine", "description": "My own."}, other={"kind": "fine"}).catalogue
        assert catalogue.describe(["fine", "own", "other"], Profile.exact) == {
            "fine": "What is there.", "own": "My own.", "other": "What is there."
        }  # fmt: skip

    def test_each_is_made_with_the_options_of_its_table(self) -> None:
        built = build_pipelines(
            settings("fine,heavy", heavy={"kind": "fine", "options": {"weight": 9}}, unused={"kind": "lost"})
        )
        found = {name: analysis(pipeline) for name, pipeline in built.items()}
        assert found == {"fine": {"weight": 1}, "heavy": {"weight": 9}}

    def test_a_table_of_its_own_name_gives_it_options(self) -> None:
        [pipeline] = build_pipelines(settings("fine", fine={"kind": "fine", "options": {"weight": 3}})).values()
        assert analysis(pipeline) == {"weight": 3}

    @pytest.mark.parametrize("kind", NO_PIPELINES)
    def test_what_is_no_pipeline_is_named_on_both_sides(self, kind: str) -> None:
        with pytest.raises(PluginUnusable, match=NO_PIPELINES[kind]):
            PipelineCatalogue().describe([kind], Profile.exact)
        with pytest.raises(ModelLoadError, match=NO_PIPELINES[kind]):
            build_pipelines(settings(kind))

    def test_options_that_it_does_not_take_are_named_on_both_sides(self) -> None:
        wrong = settings("own", own={"kind": "fine", "options": {"wieght": 1}})
        message = r"'fine' of many 1\.2 does not take its options: .*unexpected keyword argument 'wieght'"
        with pytest.raises(PluginUnusable, match=message):
            wrong.catalogue.describe(["own"], Profile.exact)
        with pytest.raises(ModelLoadError, match=message):
            build_pipelines(wrong)

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            (-1, r"^The pipeline 'own' cannot be made: ValueError: weight must not be negative$"),
            (-2, r"^The pipeline 'own' cannot be made: SystemExit: usage: fine WEIGHT$"),
            (0, r"^the model of no weight is not there$"),
        ],
    )
    def test_one_that_cannot_be_made_ends_the_worker_with_its_reason(self, weight: int, message: str) -> None:
        with pytest.raises(ModelLoadError, match=message):
            build_pipelines(settings("own", own={"kind": "fine", "options": {"weight": weight}}))

    def test_one_that_analyses_nothing_is_none(self) -> None:
        with pytest.raises(ModelLoadError, match="'empty' has no method analyse"):
            build_pipelines(settings("empty"))

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ('[pipelines.own]\nkind = "fine"\nweights = "w.pt"\nprofile = "fast"', "no use for profile, weights"),
            ('[pipelines.own]\nkind = "ocr"\noptions = {weight = 1}', "the kind ocr has no use for options"),
            ('[pipelines.own]\nkind = "fin"', "must be one of yolo_ocr, yolo, ocr, codes, empty, fine, lost, silent"),
            ('[pipelines.fine]\nkind = "ocr"', "many 1.2 provides the pipeline 'fine': choose another name, or that"),
        ],
    )  # fmt: skip
    def test_a_table_that_does_not_fit_it_is_a_mistake(self, table: str, message: str) -> None:
        Path("foregsyte.toml").write_text(table)
        with pytest.raises(InvalidSettings, match=message) as raised:
            load_settings(WorkerSettings, ["--yolo-weights", "w.pt"], "foregsyte-worker")
        assert str(raised.value).startswith("foregsyte.toml [pipelines")


def test_a_plugin_cannot_take_the_name_of_a_built_in_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(make_package(tmp_path, "taking", GROUP, {"yolo": "taking:Yolo"}))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidSettings, match=r"package taking 1\.2 provides the pipeline 'yolo', which is built in"):
        load_settings(WorkerSettings, ["--pipelines", "ocr"], "foregsyte-worker")


class Giving:
    """A plugin that gives the same result for every image."""

    def __init__(self, result: object, **attributes: object) -> None:
        self._result = result
        vars(self).update(attributes)

    def analyse(self, image: object) -> Any:
        return self._result

    def analyse_batch(self, images: object) -> Any:
        return self._result


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return {"a": value}


FIT = [
    {},
    {"a": None, "b": [1, 2.5, True, "ü", (1, 2)], "c": {"d": {}}},
    {"n": np.float64(0.5)},
    nested(MAX_NESTING - 1),
]
CYCLE: dict[str, object] = {}
CYCLE["a"] = [CYCLE]
UNFIT = {
    "cannot be stored: Circular reference detected": CYCLE,
    # By Python's version its encoder or the check finds it.
    rf"cannot be stored: (maximum recursion depth exceeded|.*nested at most {MAX_NESTING} deep)": nested(3_000),
    f"cannot be stored: .* no more than {MAX_FRAME_LISTS} lists and objects": {"a": [[]] * MAX_FRAME_LISTS},
    "is no dict": ["brightness", 3],
    "cannot be stored: Object of type float32 is not JSON serializable": {"a": [np.float32(1)]},
    "cannot be stored: Object of type ndarray is not JSON serializable": {"a": np.zeros(3)},
    "cannot be stored: Object of type int64 is not JSON serializable": {"a": np.int64(1)},
    "cannot be stored: Object of type set is not JSON serializable": {"a": {1}},
    "cannot be stored: Out of range float values are not JSON compliant": {"a": {"b": float("nan")}},
    "cannot be stored: Out of range float values": {"a": [float("inf")]},
    "has 1 as a name": {"a": {1: "b"}},
    "cannot be stored: Object of type bytes is not JSON serializable": {"a": b"x"},
    "cannot be stored: .*surrogates not allowed": {"a": "\ud800"},
    f"cannot be stored: .*nested at most {MAX_NESTING} deep": nested(MAX_NESTING),
}


@pytest.mark.parametrize("result", FIT, ids=str)
def test_a_result_that_can_be_stored_is_left_as_it_is(result: dict[str, object]) -> None:
    [[alone], [batched]] = [
        PluginPipeline("mine", Giving(result)).analyse_batch([IMAGE]),
        PluginPipeline("mine", Giving([result], batch_size=2)).analyse_batch([IMAGE]),
    ]
    assert alone == batched == result


@pytest.mark.parametrize("problem", UNFIT)
def test_a_result_that_cannot_be_stored_fails_the_job_and_says_why(problem: str) -> None:
    message = rf"the pipeline 'mine' gave a result that {problem}"
    with pytest.raises(JobCannotBeDone, match=message):
        PluginPipeline("mine", Giving(UNFIT[problem])).analyse_batch([IMAGE])
    with pytest.raises(JobCannotBeDone, match=message):
        PluginPipeline("mine", Giving([{}, UNFIT[problem]], batch_size=2)).analyse_batch([IMAGE] * 2)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_has_a_result_for_every_image(count: int) -> None:
    pipeline = PluginPipeline("mine", Giving([{}] * count, batch_size=4))
    with pytest.raises(JobCannotBeDone, match=f"'mine' gave {count} results for 2 images"):
        pipeline.analyse_batch([IMAGE] * 2)


def test_a_pipeline_belongs_to_one_thread_unless_it_says_otherwise() -> None:
    assert PluginPipeline("mine", Giving({})).concurrency == 1
    assert PluginPipeline("mine", Giving({}, concurrency=3)).concurrency == 3


def test_a_pipeline_gets_batches_from_one_thread_where_it_says_so() -> None:
    batches = PluginPipeline("mine", Giving([{}], batch_size=5, concurrency=3))
    assert (batches.batch_size, batches.concurrency) == (5, 1)
    assert PluginPipeline("mine", Giving({}, batch_size=1)).batch_size == 1


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", None, True])
@pytest.mark.parametrize("attribute", ["batch_size", "concurrency"])
def test_a_number_that_is_none_is_refused(attribute: str, value: object) -> None:
    with pytest.raises(ModelLoadError, match=f"'mine' must have a whole number from 1 as its {attribute}"):
        PluginPipeline("mine", Giving({}, **{attribute: value}))


def test_a_pipeline_in_batches_must_take_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Giving, "analyse_batch", None)
    with pytest.raises(ModelLoadError, match="has no method analyse_batch"):
        PluginPipeline("mine", Giving({}, batch_size=2))
