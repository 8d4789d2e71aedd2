// The time axis: which part of the video the lanes show, and how a person changes that.

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5];
const TICK_PIXELS = 76; // the least between two times
const NEAREST_MS = 200; // no closer zoom than this
const CLICK_PIXELS = 4; // a press that moves less is a click
const view = { from: 0, to: 1 };

const shareOf = (milliseconds) => (milliseconds - view.from) / (view.to - view.from);
const span = () => view.to - view.from;

const whole = () => Math.max(shownVideo.end - shownVideo.start, 1);

function setView(from, length) {
  const shown = Math.min(Math.max(length, Math.min(NEAREST_MS, whole())), whole());
  view.from = Math.min(Math.max(from, shownVideo.start), shownVideo.start + whole() - shown);
  view.to = view.from + shown;
  redraw();
}

const zoom = (factor, centre = (view.from + view.to) / 2) => setView(centre - (centre - view.from) * factor, span() * factor);
const pan = (share) => setView(view.from + share * span(), span());

let waiting = false;
function redraw() {
  placeNeedle();
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    drawAxis();
    for (const canvas of lanesInSight) drawLane(canvas);
  });
}

function placeNeedle() {
  element("results").style.setProperty("--now", shareOf(shownTime()));
}

// Returns the context of a canvas that has the sharpness of the screen, and the width and height in CSS pixels.
function sized(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return [context, width, height];
}

const tickStep = (width) => STEPS.find((step) => (step / span()) * width >= TICK_PIXELS) || 36e5 * Math.ceil((span() * TICK_PIXELS) / width / 36e5);

function drawAxis() {
  const canvas = element("axis").firstElementChild;
  const [context, width, height] = sized(canvas);
  const style = getComputedStyle(canvas);
  const step = tickStep(width);
  const digits = Math.max(0, Math.ceil(-Math.log10(step / 1000)));
  context.font = `12px ${style.fontFamily}`;
  context.fillStyle = style.color;
  const small = step / 5;
  for (let number = Math.ceil(view.from / small); number * small <= view.to; number += 1) {
    const x = shareOf(number * small) * width;
    const long = number % 5 === 0;
    context.globalAlpha = long ? 1 : 0.4;
    context.fillRect(Math.round(x), height - (long ? 9 : 5), 1, long ? 9 : 5);
    if (!long) continue;
    const label = clock(number * small, digits);
    const half = context.measureText(label).width / 2;
    context.fillText(label, Math.min(Math.max(x - half, 0), width - 2 * half), height - 13);
  }
  context.globalAlpha = 1;
  const share = width / whole();
  if (span() < whole()) context.fillRect((view.from - shownVideo.start) * share, 0, Math.max(3, span() * share), 3);
  element("range").textContent = `${clock(view.from, 1)} to ${clock(view.to, 1)}`;
}

// Wheel, pinch and drag on the axis or a lane.

const pointers = new Map();
let moved = 0;

function followPointers(area, clicked) {
  const timeAt = (x) => {
    const { left, width } = area.getBoundingClientRect();
    return view.from + ((x - left) / width) * span();
  };
  area.addEventListener("pointerdown", (event) => {
    if (!pointers.size) moved = 0;
    pointers.set(event.pointerId, event.clientX);
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
    moved += Math.abs(event.clientX - before);
    if (moved < CLICK_PIXELS) return;
    pointers.set(event.pointerId, event.clientX);
    if (others.length) {
      const [old, now] = [Math.abs(before - others[0]), Math.abs(event.clientX - others[0])];
      zoom(Math.max(old, 1) / Math.max(now, 1), timeAt(others[0]));
    } else setView(view.from - ((event.clientX - before) / area.clientWidth) * span(), span());
  });
  const ended = (event) => {
    const known = pointers.delete(event.pointerId);
    if (known && event.type === "pointerup" && moved < CLICK_PIXELS) clicked(timeAt(event.clientX));
  };
  area.addEventListener("pointerup", ended);
  area.addEventListener("pointercancel", ended);
  area.addEventListener(
    "wheel",
    (event) => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (!sideways && !event.ctrlKey && area.id !== "axis") return; // scrolls the page
      event.preventDefault();
      if (sideways) pan(event.deltaX / area.clientWidth);
      else zoom(1.0015 ** (event.deltaY * (event.ctrlKey ? 5 : 1)), timeAt(event.clientX));
    },
    { passive: false },
  );
}

function startAxis() {
  const actions = {
    in: () => zoom(0.5),
    out: () => zoom(2),
    all: () => setView(0, Infinity),
    earlier: () => pan(-0.5),
    later: () => pan(0.5),
  };
  const keys = { "+": "in", "=": "in", "-": "out", 0: "all", Home: "all", ArrowLeft: "earlier", ArrowRight: "later" };
  for (const [id, action] of Object.entries(actions)) element(id).addEventListener("click", action);
  element("axis").addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    actions[keys[event.key]]();
  });
  followPointers(element("axis"), (milliseconds) => show(frameAt(milliseconds)));
  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
