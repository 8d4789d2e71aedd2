// The lane of a row: when it was seen, each pixel shaded by how much of its time that was.

const FAINTEST = 0.35; // of what was seen for the least part of a pixel's time
const REACH_PIXELS = 6; // how far from a sighting a click still means it
const laneRows = new WeakMap();
const lanesInSight = new Set();

const sight = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) {
        lanesInSight.add(target);
        drawLane(target);
      } else {
        lanesInSight.delete(target);
        target.width = 0; // gives its memory back
      }
    }
  },
  { rootMargin: "200px" },
);

// Returns how much of the time of each pixel something was seen in, 0 to 1; spans that overlap count once.
function coverage(spans, width) {
  const covered = new Float32Array(width);
  const scale = width / span();
  let seenTo = -Infinity;
  for (const event of spans) {
    const from = (Math.max(event[at.start_ms], seenTo, view.from) - view.from) * scale;
    const to = (Math.min(event[at.end_ms], view.to) - view.from) * scale;
    seenTo = Math.max(seenTo, event[at.end_ms]);
    for (let x = Math.floor(from); x < Math.min(to, width); x += 1) {
      covered[x] += Math.min(to, x + 1) - Math.max(from, x);
    }
  }
  return covered;
}

function drawLane(canvas) {
  const [context, width, height] = sized(canvas);
  const style = getComputedStyle(canvas);
  context.fillStyle = style.getPropertyValue("--colour");
  const covered = coverage(laneRows.get(canvas).spans, width);
  for (let x = 0; x < width; ) {
    const share = covered[x];
    let end = x + 1;
    while (end < width && covered[end] === share) end += 1;
    if (share > 0) {
      context.globalAlpha = FAINTEST + (1 - FAINTEST) * Math.min(share, 1);
      context.fillRect(x, 0, end - x, height);
    }
    x = end;
  }
  // Dashes are stripes along the lane, so that they hide nothing short.
  const [dash, gap] = ["--dash", "--gap"].map((name) => parseFloat(style.getPropertyValue(name)));
  for (let y = dash; y < height; y += dash + gap) context.clearRect(0, y, width, gap);
}

// Returns what a click at this time means: what was seen then with the highest confidence, else what was just beside.
function spanNear(row, milliseconds, width) {
  const distance = (event) => Math.max(event[at.start_ms] - milliseconds, milliseconds - event[at.end_ms], 0);
  const reach = (REACH_PIXELS / width) * span();
  const near = row.spans.filter((event) => distance(event) <= reach);
  near.sort((one, other) => distance(one) - distance(other) || other[at.confidence] - one[at.confidence]);
  return near[0];
}

function clickLane(row, milliseconds, width) {
  const event = spanNear(row, milliseconds, width);
  if (!event) return show(frameAt(milliseconds));
  const wide = ((event[at.end_ms] - event[at.start_ms]) / span()) * width > 2 * REACH_PIXELS;
  const inside = event[at.start_ms] <= milliseconds && milliseconds < event[at.end_ms];
  return wide && inside ? show(frameAt(milliseconds)) : jumpTo(event);
}

function makeLane(row) {
  const canvas = make("canvas", {});
  const lane = make("div", { className: "lane" }, canvas, make("div", { className: "needle" }));
  laneRows.set(canvas, row);
  followPointers(lane, (milliseconds) => clickLane(row, milliseconds, lane.clientWidth));
  lane.addEventListener("pointermove", (moves) => {
    const { left, width } = lane.getBoundingClientRect();
    const event = spanNear(row, view.from + ((moves.clientX - left) / width) * span(), width);
    lane.title = event ? spanText(event) : "";
  });
  sight.observe(canvas);
  return lane;
}

const spanText = (event) =>
  `${event[at.track_id] ? `#${event[at.track_id]}, ` : ""}${clock(event[at.start_ms])} to ${clock(event[at.end_ms])}, frames ${event[at.first_frame]} to ${event[at.last_frame]}, best ${event[at.confidence].toFixed(2)}`;
