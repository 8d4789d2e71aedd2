"""Which objects a timeline has: one a thing."""

import random
import sys
from collections.abc import Callable, Iterable, Sequence

import pytest

from job_client.timeline import ObjectSpan, TimelineSettings, timeline_and_noise, timeline_of
from job_client.timeline.object_motion import ObjectMotion
from shared.results import Detection, FrameResult

pytestmark = pytest.mark.unit


def found(label: str, left: float, top: float = 100.0, size: float = 40.0, confidence: float = 0.8) -> Detection:
    return Detection(label=label, confidence=confidence, box=(left, top, left + size, top + size))


def objects_of(frames: Iterable[Sequence[Detection]], **settings: float) -> tuple[ObjectSpan, ...]:
    results = [FrameResult(index, index * 40.0, tuple(each), (), {}) for index, each in enumerate(frames)]
    return timeline_of(results, TimelineSettings(**settings)).objects


def spans(objects: Iterable[ObjectSpan]) -> list[tuple[str, int, int]]:
    return [(span.label, span.first_frame, span.last_frame) for span in objects]


def test_things_that_stand_side_by_side_are_so_many() -> None:
    three = [found("license_plate", left) for left in (0.0, 60.0, 120.0)]
    objects = objects_of([three, three[::-1]] * 10)
    assert spans(objects) == [("license_plate", 0, 19)] * 3
    assert [span.track_id for span in objects] == [1, 2, 3]


def test_a_thing_that_moves_by_its_own_size_is_one() -> None:
    assert spans(objects_of([[found("ball", 40.0 * n)] for n in range(20)])) == [("ball", 0, 19)]


def moving(step_ms: Callable[[int], float], way: Callable[[float], float]) -> list[FrameResult]:
    """Return frames of a thing that goes so far in the time of a step."""
    time_ms, left, frames = 0.0, 0.0, []
    for index in range(60):
        frames.append(FrameResult(index, time_ms, (found("car", left),), (), {}))
        time_ms, left = time_ms + step_ms(index), left + way(step_ms(index))
    return frames


def with_pauses(pause_ms: float) -> Callable[[int], float]:
    """Return how long each frame is: 33 ms, and every tenth so long."""
    return lambda index: pause_ms if index % 10 == 9 else 33.0


@pytest.mark.parametrize("pause_ms", [100.0, 200.0, 500.0])
def test_a_thing_that_moves_on_while_the_camera_misses_frames_is_one(pause_ms: float) -> None:
    frames = moving(with_pauses(pause_ms), lambda step_ms: 0.3 * step_ms)
    assert spans(timeline_of(frames).objects) == [("car", 0, 59)]


@pytest.mark.parametrize("pause_ms", [500.0, 0.01, 0.0, -1000.0])
def test_a_thing_that_moves_as_far_in_each_frame_is_one_whatever_times_are_stated(pause_ms: float) -> None:
    frames = moving(with_pauses(pause_ms), lambda _: 25.0)
    assert spans(timeline_of(frames).objects) == [("car", 0, 59)]


def test_things_that_pass_each_other_stay_two() -> None:
    frames = [[found("car", 10.0 * n), found("car", 400.0 - 10.0 * n, top=125.0)] for n in range(41)]
    one, other = objects_of(frames)
    assert (one.first_box[0], one.last_box[0]) == (0.0, 400.0)
    assert (other.first_box[0], other.last_box[0]) == (400.0, 0.0)


def test_a_thing_that_is_hidden_for_a_second_is_one() -> None:
    frames = [[found("car", 4.0 * n)] if not 20 <= n < 45 else [] for n in range(70)]
    [car] = objects_of(frames)
    assert (car.first_frame, car.last_frame, car.frames) == (0, 69, 45)
    assert len(objects_of(frames, object_gap_ms=500.0)) == 2


def seen_behind(cover: tuple[float, float], car: tuple[float, float]) -> tuple[float, float] | None:
    """Return from where to where a detector sees a car behind a cover: at least a third of it, and all between ends."""
    left, right = (car[0], min(car[1], cover[0])), (max(car[0], cover[1]), car[1])
    if left[0] < left[1] and right[0] < right[1]:
        return car
    seen = max(left, right, key=lambda part: part[1] - part[0])
    return seen if seen[1] - seen[0] >= (car[1] - car[0]) / 3 else None


def passing(car_speed: float, cover_width: float, cover_speed: float, jitter: float) -> list[list[Detection]]:
    """Return frames of a car of 100 pixels that is covered from the left, or drives to the right behind a cover."""
    chance, frames = random.Random(1), []
    for n in range(300):
        car = (200.0 + car_speed * n, 300.0 + car_speed * n)
        end = (150.0 if cover_speed else 400.0 + cover_width) + cover_speed * n
        seen = seen_behind((end - cover_width, end), car)
        sides = (seen[0], 100.0, seen[1], 180.0) if seen else ()
        box = [side + chance.uniform(-jitter, jitter) for side in sides]
        frames.append([Detection(label="car", confidence=0.8, box=(box[0], box[1], box[2], box[3]))] if box else [])
    return frames


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("jitter", [0.0, 1.0, 2.0])
@pytest.mark.parametrize(
    ("car_speed", "cover_width", "cover_speed"),
    [
        (0.0, 40.0, 5.0),
        (0.0, 160.0, 10.0),
        (0.0, 300.0, 15.0),
        (0.0, 250.0, 9.0),
        (10.0, 120.0, 0.0),
        (10.0, 200.0, 0.0),
        (5.0, 150.0, 0.0),
        (6.0, 60.0, 12.0),
    ],
)
def test_a_thing_that_is_covered_from_one_side_is_one(
    car_speed: float, cover_width: float, cover_speed: float, jitter: float, is_turned: bool
) -> None:
    frames = passing(car_speed, cover_width, cover_speed, jitter)
    if is_turned:
        frames = [[turned(found) for found in frame] for frame in frames]
    assert spans(objects_of(frames)) == [("car", 0, 299)]


def turned(found: Detection) -> Detection:
    """Return a detection in the frame turned by a quarter, so that right is up."""
    x1, y1, x2, y2 = found.box
    return Detection(label=found.label, confidence=found.confidence, box=(y1, -x2, y2, -x1))


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize(("speed", "missed_from"), [(6.0, 100), (6.0, 200), (8.0, 200), (-8.0, 200)])
def test_a_car_that_stops_while_it_is_covered_and_is_missed_when_parked_is_one(
    speed: float, missed_from: int, is_turned: bool
) -> None:
    frames = []
    for n in range(300):
        left, covered = speed * min(n, 40), 40.0 if 20 <= n < 50 else 0.0
        car = Detection(label="car", confidence=0.8, box=(left + covered, 100.0, left + 100.0, 180.0))
        frames.append([turned(car) if is_turned else car] if not missed_from <= n < missed_from + 30 else [])
    assert spans(objects_of(frames)) == [("car", 0, 299)]


def test_what_is_covered_of_a_car_that_stops_is_forgotten_where_it_is_seen_again() -> None:
    motion, step_ms = ObjectMotion((0.0, 100.0, 100.0, 180.0), 0.0), 40.0
    for n in range(1, 200):
        left, covered = 8.0 * min(n, 40), 40.0 if 20 <= n < 50 else 0.0
        motion.moved_to((left + covered, 100.0, left + 100.0, 180.0), [step_ms * n])
        whole = motion.expected_whole(step_ms * n)
        assert whole[2] - whole[0] < 150.0
    assert not motion.is_covered
    assert motion.expected(step_ms * 300) == pytest.approx((320.0, 100.0, 420.0, 180.0), abs=1.0)


def test_a_thing_that_shrinks_while_it_moves_is_expected_where_it_turns_to() -> None:
    motion, centre, half, step_ms = ObjectMotion((-50.0, 50.0, 50.0, 150.0), 0.0), 0.0, 50.0, 40.0
    for n in range(1, 140):
        centre, half = centre + (3.0 if n < 100 else -3.0), 0.99 * half
        motion.moved_to((centre - half, 100.0 - half, centre + half, 100.0 + half), [step_ms * n])
    expected = motion.expected(step_ms * 149)
    assert (expected[0] + expected[2]) / 2 == pytest.approx(centre - 30.0, abs=6.0)


def test_another_thing_beside_one_that_is_covered_is_another() -> None:
    parts = [found("car", 0.0, size=100.0)] * 20 + [
        Detection(label="car", confidence=0.8, box=(5.0 * n, 100.0, 100.0, 200.0)) for n in range(15)
    ]
    beside = [found("car", -180.0, size=100.0)] * 30
    assert spans(objects_of([[each] for each in parts + beside])) == [("car", 0, 34), ("car", 35, 64)]


def test_a_weak_detection_goes_on_with_a_track_and_begins_none() -> None:
    weak = [found("car", 0.0, confidence=0.3)]
    assert spans(objects_of([[found("car", 0.0)]] * 5 + [weak] * 5)) == [("car", 0, 9)]
    assert objects_of([weak] * 50) == ()


def test_a_weak_detection_of_nothing_else_is_an_object_where_all_is_kept() -> None:
    weak, person = found("car", 0.0, confidence=0.3), found("person", 200.0)
    beside_person = found("person", 205.0, confidence=0.3)
    frames = [[weak]] * 5 + [[weak, person, beside_person]] * 45
    assert spans(objects_of(frames, min_object_evidence=0.0)) == [("car", 0, 49), ("person", 5, 49)]


def test_keeping_all_changes_nothing_of_what_is_no_noise() -> None:
    drawn = random.Random(2)
    boxes = [[found("car", 30.0 * k + n, confidence=drawn.random()) for k in range(8)] for n in range(100)]
    frames = [FrameResult(index, index * 40.0, tuple(each), (), {}) for index, each in enumerate(boxes)]
    timeline, noise = timeline_and_noise(frames)
    assert timeline.objects == timeline_of(frames).objects
    assert {span.track_id for span in noise.objects}.isdisjoint(span.track_id for span in timeline.objects)


def test_two_labels_for_one_thing_are_one_object_with_the_label_of_most() -> None:
    both = [found("truck", 0.0, confidence=0.45), found("car", 1.0, confidence=0.8)]
    flicker = [[found("car", 0.0)], both, [found("truck", 0.0, confidence=0.5)]]
    assert spans(objects_of(flicker * 5)) == [("car", 0, 14)]


@pytest.mark.parametrize("frames_between", [0, 10])
def test_another_thing_that_a_cut_shows_at_the_place_of_one_is_another_object(frames_between: int) -> None:
    dog = Detection(label="dog", confidence=0.9, box=(100.0, 300.0, 300.0, 420.0))
    person = Detection(label="person", confidence=0.9, box=(220.0, 100.0, 380.0, 470.0))
    begun = 60 + frames_between
    objects = objects_of([[dog]] * 60 + [[]] * frames_between + [[person]] * 90)
    assert spans(objects) == [("dog", 0, 59), ("person", begun, begun + 89)]


@pytest.mark.parametrize(("first_ms", "label"), [(40.0, "truck"), (2000.0, "car")])
def test_a_label_counts_by_the_time_for_which_its_frame_is_shown(first_ms: float, label: str) -> None:
    labels = ["car"] + ["truck"] * 5
    results = [
        FrameResult(index, index and first_ms + (index - 1) * 40.0, (found(each, 0.0),), (), {})
        for index, each in enumerate(labels)
    ]
    assert [span.label for span in timeline_of(results).objects] == [label]


def test_one_thing_before_another_is_not_taken_for_it() -> None:
    person, bus = found("person", 50.0, size=30.0), found("bus", 0.0, size=200.0)
    assert sorted(spans(objects_of([[person, bus]] * 10))) == [("bus", 0, 9), ("person", 0, 9)]


def test_what_is_found_for_a_moment_is_noise() -> None:
    flash = [[found("dog", 0.0, confidence=0.6)]] * 3
    assert objects_of([*flash, *[[]] * 60]) == ()
    assert spans(objects_of(flash, min_object_evidence=0.0)) == [("dog", 0, 2)]
    assert spans(objects_of([[found("dog", 0.0, confidence=0.9)]] * 3)) == [("dog", 0, 2)]


def test_the_best_frame_is_that_of_the_highest_confidence() -> None:
    frames = [[found("car", float(n), confidence=0.6 + 0.03 * (10 - abs(n - 7)))] for n in range(15)]
    [car] = objects_of(frames)
    assert (car.best_frame, round(car.confidence, 2), car.box[0]) == (7, 0.9, 7.0)


def test_the_best_frame_is_one_of_the_label_that_was_voted() -> None:
    frames = [[found("car", 0.0, confidence=0.95)]] * 10 + [[found("person", 1.0, confidence=0.9)]] * 15
    [span] = objects_of(frames)
    assert (span.label, span.best_frame, span.confidence, span.first_frame) == ("person", 10, 0.9, 0)


def test_what_is_found_in_frames_that_are_shown_for_long_is_no_noise() -> None:
    results = [FrameResult(index, index * 1000.0, (found("car", 0.0),), (), {}) for index in range(2)]
    assert spans(timeline_of(results).objects) == [("car", 0, 1)]


def test_nothing_depends_on_the_order_of_the_detections() -> None:
    drawn = random.Random(1)
    frames = [[found("car", 30.0 * k + n, confidence=0.3 + 0.6 * drawn.random()) for k in range(8)] for n in range(100)]
    shuffled = [drawn.sample(frame, len(frame)) for frame in frames]

    def places(objects: Iterable[ObjectSpan]) -> list[tuple[object, ...]]:
        return sorted((span.first_frame, span.last_frame, span.frames, span.best_frame) for span in objects)

    assert places(objects_of(frames)) == places(objects_of(shuffled))


@pytest.mark.parametrize(
    "box", [(9.0, 9.0, 1.0, 1.0), (9.0, 1.0, 1.0, 9.0), (5.0, 5.0, 5.0, 5.0), (-1e308, -1e308, 1e308, 1e308)]
)
def test_any_box_that_a_plugin_states_is_taken(box: tuple[float, float, float, float]) -> None:
    strange = Detection(label="car", confidence=0.9, box=box)
    assert {span.label for span in objects_of([[strange, found("dog", 0.0)]] * 5)} >= {"dog"}


def test_many_things_are_not_compared_each_with_each() -> None:
    few, many = calls_of(200), calls_of(800)
    assert many < 5 * few  # each with each, it would be 16 times as many


def calls_of(things: int) -> int:
    """Return how many calls of functions it takes to follow so many things."""
    frame = [found("car", 60.0 * (n % 20), 60.0 * (n // 20)) for n in range(things)]
    calls = 0

    def count(_: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        followed = objects_of([frame] * 4)
    finally:
        sys.setprofile(before)
    assert len(followed) == things
    return calls


def test_a_thing_on_another_one_is_a_thing_of_its_own() -> None:
    person = Detection(label="person", confidence=0.9, box=(100.0, 100.0, 160.0, 260.0))
    motorcycle = Detection(label="motorcycle", confidence=0.9, box=(100.0, 150.0, 165.0, 270.0))
    assert sorted(spans(objects_of([[person, motorcycle]] * 50))) == [("motorcycle", 0, 49), ("person", 0, 49)]
