// The list of what was found: search, order, copy, export.

const BATCH = 60; // rows drawn at once; more follow when the end of the list comes near
let listed = [];
let drawn = 0;

const total = (seconds) => (seconds < 60 ? `${seconds.toFixed(seconds < 10 ? 2 : 1)} s` : clock(seconds * 1000, 0));

function numbersOf({ kind, spans, seconds, end, best }) {
  const many = kind === "object" ? `${spans.length} ${spans.length === 1 ? "object" : "objects"}` : spans.length === 1 ? "once" : `${spans.length} times`;
  return `${many}, ${total(seconds)}, ${clock(spans[0][at.start_ms])} to ${clock(end)}, best ${best[at.confidence].toFixed(2)}`;
}

// Returns buttons that go from one sighting of a row to the one before and after the frame that is shown.
function makeSteps(row) {
  const step = (event) => event && jumpTo(event);
  const inOrder = row.spans.toSorted((one, other) => one[at.best_frame] - other[at.best_frame]);
  const back = () => step(inOrder.findLast((event) => event[at.best_frame] < shown));
  const on = () => step(inOrder.find((event) => event[at.best_frame] > shown));
  return [
    make("button", { type: "button", textContent: "‹", ariaLabel: `${row.shown}: sighting before`, onclick: back }),
    make("button", { type: "button", textContent: "›", ariaLabel: `${row.shown}: next sighting`, onclick: on }),
  ];
}

function makeRow(row) {
  const jump = () => jumpTo(row.best);
  const url = shownVideo.thumbnails[row.best[at.best_frame]];
  const copy = { type: "button", textContent: "Copy", ariaLabel: `Copy ${row.shown}`, onclick: () => copyText(row.name, "it") };
  const format = row.kind === "code" ? `${row.best[at.format]}, ` : "";
  return make(
    "li",
    { className: `row ${row.style}${row.noise ? " noise" : ""}` },
    ...(url ? [make("img", { src: url, alt: "", loading: "lazy", onclick: jump })] : []),
    make("div", { className: "head" }, make("i", { className: `swatch ${row.style}` }), make("button", { type: "button", className: "name", textContent: row.shown, onclick: jump }), make("span", { className: "group" }, ...(row.spans.length > 1 ? makeSteps(row) : []), make("button", copy))),
    make("span", { className: "numbers", textContent: format + numbersOf(row) }),
    makeLane(row),
  );
}

function drawMore() {
  element("rows").append(...listed.slice(drawn, drawn + BATCH).map(makeRow));
  drawn = Math.min(drawn + BATCH, listed.length);
}

const orders = {
  start: (one, other) => one.spans[0][at.start_ms] - other.spans[0][at.start_ms],
  seconds: (one, other) => other.seconds - one.seconds,
  confidence: (one, other) => other.best[at.confidence] - one.best[at.confidence],
};

function list() {
  const wanted = element("search").value.trim().toLowerCase();
  const kind = element("kind").value;
  const rows = shownVideo.rows.filter((row) => !row.noise || element("noise").checked);
  listed = rows.filter((row) => (!kind || row.kind === kind) && row.lower.includes(wanted));
  const order = orders[element("order").value];
  listed.sort((one, other) => one.noise - other.noise || KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || order(one, other));
  element("count").textContent = listed.length ? `${listed.length} of ${rows.length} listed` : "Nothing of that was found.";
  sight.disconnect();
  lanesInSight.clear();
  element("rows").replaceChildren();
  drawn = 0;
  drawMore();
}

const listedEvents = () => listed.flatMap((row) => row.spans).sort((one, other) => one[at.start_ms] - other[at.start_ms]);

// A cell that begins like a formula would be run by a spreadsheet, so it begins with an apostrophe.
const harmless = (value) => (typeof value === "string" && /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(value) ? `'${value}` : value ?? "");
const cell = (value) => (/[",\r\n]/.test(harmless(value)) ? `"${String(harmless(value)).replaceAll('"', '""')}"` : harmless(value));

function csv() {
  return [shownVideo.columns, ...listedEvents()].map((values) => `${values.map(cell).join(",")}\r\n`).join("");
}

function json() {
  const lines = listedEvents().map((event) => {
    const { x1, y1, x2, y2, ...named } = Object.fromEntries(shownVideo.columns.map((name, place) => [name, event[place]]));
    return JSON.stringify({ ...named, box: [x1, y1, x2, y2] });
  });
  return `[\n${lines.join(",\n")}\n]\n`;
}

function save(content, type, suffix) {
  const href = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href, download: `${videos[shownVideo.number].name}.events.${suffix}` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

async function copyText(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    element("count").textContent = `Copied ${what}.`;
  } catch {
    element("count").textContent = "The browser does not let this page copy.";
  }
}

// A tab or the end of a line, as codes may hold, would begin another cell.
const copied = (text) => harmless(text.replace(/[\t\r\n]+/g, " ").trim());

function copyListed() {
  const events = listedEvents();
  const lines = events.map((event) => `${clock(event[at.start_ms])}\t${clock(event[at.end_ms])}\t${copied(event[at.name])}\n`);
  return copyText(lines.join(""), `${events.length} ${events.length === 1 ? "line" : "lines"}`);
}

function startList() {
  for (const id of ["search", "kind", "order", "noise"]) element(id).addEventListener("input", list);
  element("noise").addEventListener("input", listFrame);
  element("copy").addEventListener("click", copyListed);
  element("csv").addEventListener("click", () => save(csv(), "text/csv", "csv"));
  element("json").addEventListener("click", () => save(json(), "application/json", "json"));
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && shownVideo && drawMore(), {
    rootMargin: "800px",
  }).observe(element("more"));
}
