"use strict";
// Shows the data of the page. Text of the results only ever becomes text nodes and attributes, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const [FIRST, LAST, START, END, CONFIDENCE, BEST] = [0, 1, 2, 3, 4, 5];
const BATCH = 60; // rows drawn at once; more follow when the end of the list comes near
const FINEST = 1 / 400; // bars nearer than this share of the video are drawn as one

const rows = data.rows.map(([kind, name, frames, most, spans], number) => {
  const best = spans.reduce((one, other) => (other[CONFIDENCE] > one[CONFIDENCE] ? other : one));
  return { kind, name, frames, most, spans, best, number, lower: name.toLowerCase() };
});
const places = new Map(data.frames.map(([index], place) => [index, place]));
let shown = 0; // place in data.frames
let listed = [];
let drawn = 0;

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function time(milliseconds) {
  const seconds = milliseconds / 1000;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

const share = (milliseconds) => (data.end > 0 ? Math.min(1, Math.max(0, milliseconds / data.end)) : 0);
const spanText = (span) =>
  `${time(span[START])} to ${time(span[END])}, frames ${span[FIRST]} to ${span[LAST]}, best ${span[CONFIDENCE].toFixed(2)}`;

// The list and its timeline.

function bars(row) {
  const merged = [];
  for (const span of row.spans) {
    const latest = merged[merged.length - 1];
    if (latest && share(span[START]) - share(latest.end) < FINEST) {
      latest.end = Math.max(latest.end, span[END]);
      latest.count += 1;
      if (span[CONFIDENCE] > latest.best[CONFIDENCE]) latest.best = span;
    } else merged.push({ start: span[START], end: span[END], best: span, count: 1 });
  }
  return merged;
}

function bar({ start, end, best, count }) {
  const title = count > 1 ? `${count} spans from ${time(start)} to ${time(end)}; the best: ${spanText(best)}` : spanText(best);
  const button = make("button", { type: "button", title, onclick: () => jumpTo(best) });
  button.style.left = `${share(start) * 100}%`;
  button.style.width = `${(share(end) - share(start)) * 100}%`;
  return button;
}

function drawRow(row) {
  const jump = () => jumpTo(row.best);
  const url = data.thumbnails[row.best[BEST]];
  const times = row.spans.length === 1 ? "1 span" : `${row.spans.length} spans`;
  const many = row.most > 1 ? `, up to ${row.most} at once` : "";
  const numbers = `${row.frames} ${row.frames === 1 ? "frame" : "frames"}${many}, ${times}, ${time(row.spans[0][START])} to ${time(row.spans.at(-1)[END])}, best ${row.best[CONFIDENCE].toFixed(2)}`;
  return make(
    "li",
    { className: `row ${row.kind}${url ? "" : " bare"}` },
    ...(url ? [make("img", { src: url, alt: "", loading: "lazy", onclick: jump })] : []),
    make("button", { type: "button", className: "name", textContent: row.name, onclick: jump }),
    make("span", { className: "numbers", textContent: numbers }),
    make("div", { className: "track" }, ...bars(row).map(bar), make("div", { className: "needle" })),
  );
}

function drawMore() {
  element("rows").append(...listed.slice(drawn, drawn + BATCH).map(drawRow));
  drawn = Math.min(drawn + BATCH, listed.length);
}

const orders = {
  frames: (one, other) => other.frames - one.frames,
  time: (one, other) => one.spans[0][START] - other.spans[0][START],
  confidence: (one, other) => other.best[CONFIDENCE] - one.best[CONFIDENCE],
};

function list() {
  const wanted = element("search").value.trim().toLowerCase();
  const kind = element("kind").value;
  listed = rows.filter((row) => (!kind || row.kind === kind) && row.lower.includes(wanted));
  listed.sort(orders[element("order").value]);
  element("count").textContent = listed.length ? `${listed.length} of ${rows.length} listed` : "Nothing of that was found.";
  element("rows").replaceChildren();
  drawn = 0;
  drawMore();
}

// The frame.

function corners([, , ...numbers]) {
  const [x1, y1, x2, y2] = numbers;
  const all = numbers.length === 4 ? [x1, y1, x2, y1, x2, y2, x1, y2] : numbers;
  return all.join(" ");
}

function drawOverlay(found) {
  const overlay = element("overlay");
  overlay.replaceChildren(
    ...found.map((item) => {
      const polygon = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
      polygon.setAttribute("points", corners(item));
      polygon.setAttribute("class", rows[item[0]].kind);
      return polygon;
    }),
  );
}

function drawImage(index, milliseconds, seek) {
  const [video, image] = [element("video"), element("image")];
  const url = data.thumbnails[index];
  if (video.src && seek) video.currentTime = milliseconds / 1000 + 0.001;
  image.hidden = Boolean(video.src) || !url;
  if (url) image.src = url;
  element("no-image").hidden = Boolean(video.src || url);
}

function show(place, seek = true) {
  if (place === undefined || !data.frames.length) return;
  shown = Math.min(Math.max(place, 0), data.frames.length - 1);
  const [index, milliseconds] = data.frames[shown];
  const found = data.found[shown];
  element("slider").value = shown;
  element("where").textContent = `Frame ${index}, ${time(milliseconds)}`;
  element("in-frame").replaceChildren(
    ...found.map(([row, confidence]) =>
      make("li", {}, make("span", { className: `is-${rows[row].kind}`, textContent: rows[row].name }), ` ${confidence.toFixed(2)}`),
    ),
  );
  drawOverlay(found);
  drawImage(index, milliseconds, seek);
  document.documentElement.style.setProperty("--now", share(milliseconds));
  history.replaceState(null, "", `#frame=${index}`);
}

function jumpTo(span) {
  show(places.get(span[BEST]));
  element("stage").scrollIntoView({ block: "nearest" }); // on a narrow screen it may be above
}

function placeAt(milliseconds) {
  let [low, high] = [0, data.frames.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (data.frames[middle][1] <= milliseconds) low = middle;
    else high = middle - 1;
  }
  return low;
}

function openVideo() {
  const [file] = element("file").files;
  const video = element("video");
  if (!file) return;
  if (video.src) URL.revokeObjectURL(video.src);
  video.src = URL.createObjectURL(file);
  video.hidden = false;
  video.addEventListener("loadedmetadata", () => show(shown), { once: true });
}

function start() {
  const [width, height] = data.size;
  element("stage").style.aspectRatio = `${width} / ${height}`;
  element("stage").style.maxWidth = `calc(60vh * ${width} / ${height})`;
  element("overlay").setAttribute("viewBox", `0 0 ${width} ${height}`);
  element("slider").max = Math.max(0, data.frames.length - 1);
  for (const id of ["search", "kind", "order"]) element(id).addEventListener("input", list);
  element("slider").addEventListener("input", () => show(Number(element("slider").value)));
  element("back").addEventListener("click", () => show(shown - 1));
  element("on").addEventListener("click", () => show(shown + 1));
  element("file").addEventListener("change", openVideo);
  element("video").addEventListener("timeupdate", () => show(placeAt(element("video").currentTime * 1000 + 0.5), false));
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && drawMore(), {
    rootMargin: "800px",
  }).observe(element("more"));
  list();
  const linked = /^#frame=(\d+)$/.exec(location.hash);
  show(linked ? places.get(Number(linked[1])) : rows.length ? places.get(rows[0].best[BEST]) : 0);
  document.documentElement.dataset.ready = Math.round(performance.now());
}

start();
