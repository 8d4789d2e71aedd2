"""Render the sample video, `data/samples/road_and_parcel.mp4`, and what is in it, `road_and_parcel.json`.

`python -m training.sample_video`. Twelve seconds in three acts: a car ahead and two signs, a guide sign over the road,
a desk with a parcel and a poster. A clock and subtitles lie over all of it, so that every class and the text reader
have something to do. All of it is drawn here, with the fonts that matplotlib brings.
"""

import argparse
import json
from dataclasses import astuple, dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from training.boxes import LabelledBox
from training.materials import DEJAVU
from training.scenes.chance import Colour, noise
from training.scenes.codes import bars, qr_code
from training.scenes.drawing import bar, fill, paste, paste_centred
from training.scenes.patch import Patch, Pixels, Thing, blank, place, rectangle
from training.scenes.signs import guide_sign, limit_sign, stop_sign
from training.scenes.text import text_image

SAMPLE = Path("data/samples/road_and_parcel.mp4")
WIDTH, HEIGHT = 960, 540
FRAMES_PER_SECOND = 12
ACT_FRAMES = 48
FRAME_COUNT = 3 * ACT_FRAMES
CONSTANT_QUALITY = "24"
"""x264's crf."""
HORIZON = 210
"""The row where the road ends."""

SANS, BOLD, MONO = DEJAVU / "DejaVuSans.ttf", DEJAVU / "DejaVuSans-Bold.ttf", DEJAVU / "DejaVuSansMono-Bold.ttf"
WHITE, BLACK, PAPER, CARD = (250, 250, 250), (15, 15, 15), (246, 244, 238), (196, 160, 112)
SUBTITLES = ("Keep your distance.", "The harbour is straight ahead.", "Every code on the parcel is read.")


@dataclass
class Shown:
    """One frame: its pixels, what it shows, and the text of each of those things."""

    pixels: Pixels
    things: list[tuple[LabelledBox, str]] = field(default_factory=list)

    def put(self, patch: Patch, centre: tuple[float, float], width: float, text: str, skew: float = 0.0) -> None:
        """Draw a patch so wide about a point; `skew` is how much higher its right edge is than its left."""
        height = width * patch.size[1] / patch.size[0]
        corners = rectangle(-width / 2, -height / 2, width / 2, height / 2)
        corners[1:3, 1] *= 1 + skew
        corners += np.array(centre, np.float32)
        self.things += [(box.cut_to(WIDTH, HEIGHT), text) for box in place(self.pixels, patch, corners)]

    def overlay(self, text: Pixels, x: int, y: int, content: str) -> None:
        """Draw a caption with its upper left corner at a point."""
        paste(self.pixels, text, x, y)
        self.things.append((LabelledBox("caption", x, y, x + text.shape[1], y + text.shape[0]), content))


def draw_frame(index: int) -> Shown:
    """Draw one frame of the video."""
    act, step = divmod(index, ACT_FRAMES)
    shown = (_car_and_signs, _guide_sign, _desk)[act](step / ACT_FRAMES)
    grain = np.random.default_rng(index).normal(0, 1.5, shown.pixels.shape)
    shown.pixels = np.clip(cv2.GaussianBlur(shown.pixels, (0, 0), 0.6) + grain, 0, 255).astype(np.uint8)
    clock = f"2026-05-14 08:30:{index // FRAMES_PER_SECOND:02}"
    shown.overlay(text_image(clock, MONO, 36, WHITE, BLACK, 2), 24, 20, clock)
    subtitle = text_image(SUBTITLES[act], SANS, 34, WHITE, BLACK, 3)
    shown.overlay(subtitle, (WIDTH - subtitle.shape[1]) // 2, HEIGHT - 62, SUBTITLES[act])
    return shown


def _road(travelled: float) -> Pixels:
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    share = np.linspace(0, 1, HORIZON)[:, None, None]
    frame[:HORIZON] = np.array([96, 146, 205]) * (1 - share) + np.array([214, 222, 226]) * share
    frame[HORIZON:] = (92, 112, 70)
    hills = HORIZON - 46 * noise(np.random.default_rng(5), WIDTH, 8, 4)[3]
    frame[:HORIZON][np.arange(HORIZON)[:, None] >= hills.astype(int)] = (76, 104, 84)
    cv2.fillPoly(frame, [np.array([[470, HORIZON], [490, HORIZON], [1060, HEIGHT], [-100, HEIGHT]])], (86, 86, 92))
    for start in np.arange(0.02 + travelled * 0.18, 1.0, 0.18).tolist():
        top, low = start**2, min(1.0, start + 0.08) ** 2
        y1, y2 = (int(HORIZON + (HEIGHT - HORIZON) * part) for part in (top, low))
        cv2.line(frame, (480, y1), (480, y2), (230, 230, 224), max(1, int(10 * top)), cv2.LINE_AA)
    light = 0.94 + 0.08 * noise(np.random.default_rng(6), WIDTH, HEIGHT, 6)[..., None]
    return (frame * light).clip(0, 255).astype(np.uint8)


def _write(onto: Pixels, text: str, font: Path, size: int, colour: Colour, y: float, fit: tuple[int, int]) -> None:
    """Write a line about the middle of an image's width."""
    paste_centred(onto, text_image(text, font, size, colour), onto.shape[1] / 2, y, fit)


def _car() -> Patch:
    pixels = blank(900, 700)
    for x in (70, 700):
        bar(pixels, x, 560, x + 130, 695, (20, 20, 22))
    fill(pixels, [(30, 300), (190, 30), (710, 30), (870, 300), (885, 620), (15, 620)], (178, 44, 40))
    fill(pixels, [(110, 285), (225, 65), (675, 65), (790, 285)], (46, 58, 70))
    for x in (50, 730):
        bar(pixels, x, 340, x + 120, 420, (120, 12, 16))
    bar(pixels, 20, 520, 880, 625, (40, 40, 44))
    bar(pixels, 302, 416, 598, 568, (24, 24, 26))
    plate = blank(280, 136, (236, 238, 240))
    bar(plate, 4, 4, 275, 131, (40, 60, 130), 3)
    for x in (50, 230):
        cv2.circle(plate, (x, 16), 6, (120, 120, 120, 255), -1)
    _write(plate, "RIVERLAND", BOLD, 30, (190, 40, 40), 22, (120, 20))
    _write(plate, "KLM 482", BOLD, 80, (30, 40, 110), 72, (236, 62))
    _write(plate, "THE QUIET STATE", SANS, 24, (60, 60, 80), 120, (150, 14))
    paste(pixels, plate, 310, 424)
    return Patch(pixels, [Thing("license_plate", rectangle(310, 424, 590, 560))])


def _on_pole(sign: Pixels) -> Patch:
    height, width = sign.shape[:2]
    pixels = blank(width, int(height * 2.2))
    bar(pixels, width // 2 - 7, 30, width // 2 + 7, pixels.shape[0], (120, 124, 126))
    paste(pixels, sign, 0, 0)
    y, x = np.nonzero(sign[..., 3] > 128)
    return Patch(pixels, [Thing("traffic_sign", rectangle(x.min(), y.min(), x.max() + 1, y.max() + 1))])


def _car_and_signs(time: float) -> Shown:
    shown = Shown(_road(time))
    near = 0.35 + time
    shown.put(_on_pole(stop_sign("STOP", BOLD)), (600 + 190 * near, 250 - 20 * near), 88 * near, "STOP")
    shown.put(_on_pole(limit_sign(50, BOLD)), (330 - 180 * near, 250 - 20 * near), 88 * near, "50")
    shown.put(_car(), (480 + 20 * np.sin(6 * time), 310 + 30 * near), 300 + 90 * near, "KLM 482")
    return shown


def _guide_sign(time: float) -> Shown:
    shown = Shown(_road(time))
    near = 0.55 + 0.4 * time
    sign = guide_sign(["Harbour  4 km", "Old Town"], BOLD)
    patch = Patch(sign, [Thing("traffic_sign", rectangle(0, 0, sign.shape[1], sign.shape[0]))])
    left, right, beam = int(480 - 250 * near), int(480 + 250 * near), int(195 - 80 * near)
    gantry = np.array([[left, 310], [left, beam], [right, beam], [right, 310]])
    cv2.polylines(shown.pixels, [gantry], isClosed=False, color=(110, 112, 116), thickness=max(2, int(9 * near)))
    shown.put(patch, (480, 215 - 60 * near), 380 * near, "Harbour 4 km Old Town")
    shown.put(_car(), (560 - 40 * time, 340), 330, "KLM 482")
    return shown


def _desk(time: float) -> Shown:
    grain = noise(np.random.default_rng(9), WIDTH, HEIGHT, 5)[..., None]
    shown = Shown((np.array([150, 110, 74]) * (0.8 + 0.3 * grain)).clip(0, 255).astype(np.uint8))
    code = qr_code("https://example.org/foregsyte", "m", BLACK, PAPER)
    size = code.shape[0]
    poster = blank(size + 120, size + 190, PAPER)
    paste(poster, code, 60, 60)
    _write(poster, "SCAN ME", BOLD, 56, (20, 60, 120), size + 125, (size, 60))
    things = [Thing("qr_code", rectangle(60, 60, 60 + size, 60 + size))]
    shown.put(Patch(poster, things), (230 + 50 * time, 270), 250, "SCAN ME", 0.06)
    lines = bars("code128", "PARCEL-2048", 150, BLACK, WHITE)
    h, w = lines.shape[:2]
    label = blank(w + 100, h + 210, WHITE)
    paste(label, lines, 50, 110)
    _write(label, "FRAGILE", BOLD, 70, (180, 30, 30), 56, (w, 60))
    _write(label, "PARCEL-2048", MONO, 48, BLACK, h + 150, (w, 50))
    parcel = blank(w + 280, h + 390, CARD)
    paste(parcel, label, 90, 110)
    things = [Thing("barcode", rectangle(140, 220, 140 + w, 220 + h))]
    shown.put(Patch(parcel, things), (690 - 20 * time, 250), 420, "PARCEL-2048", -0.05)
    return shown


def render(video: Path) -> None:
    """Write the video and, beside it, what is in each of its frames."""
    video.parent.mkdir(parents=True, exist_ok=True)
    truth = []
    with av.open(str(video), "w", options={"movflags": "+faststart"}) as container:
        options = {"crf": CONSTANT_QUALITY, "preset": "slow"}
        stream = container.add_stream("libx264", rate=Fraction(FRAMES_PER_SECOND), options=options)
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = WIDTH, HEIGHT, "yuv420p", 1
        for index in range(FRAME_COUNT):
            shown = draw_frame(index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown.pixels, format="rgb24")))
            truth.append(
                [
                    {"label": box.label, "box": [round(value) for value in astuple(box)[1:]], "text": text}
                    for box, text in shown.things
                ]
            )
        container.mux(stream.encode())
    lines = ",\n".join(map(json.dumps, truth))
    video.with_suffix(".json").write_text(f'{{"frames": [\n{lines}\n]}}\n', encoding="utf-8")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=SAMPLE)
    render(parser.parse_args().to)


if __name__ == "__main__":
    main()
