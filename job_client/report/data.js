"use strict";
// The data of the videos. Text of the results only ever becomes text nodes and attributes, never markup.

const element = (id) => document.getElementById(id);
const videos = [...document.querySelectorAll("script.data")].map((script) => JSON.parse(script.textContent));
const [TEXT, FIRST_LABEL] = [0, 2]; // what a box is of; 1 is a code
const COLOURS = 5; // of labels; those that come after have the same in dashes
const DASHES = 4; // of report.css, the first of them solid
const KINDS = ["object", "text", "code"];
let shownVideo; // what `unpacked` returned, and how it is listed
let at; // the place of each column in an event

async function bytesOf(text) {
  const coded = atob(text);
  const bytes = new Uint8Array(coded.length);
  for (let place = 0; place < coded.length; place += 1) bytes[place] = coded.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function unpacked(video) {
  const [facts, times, boxes] = await Promise.all([bytesOf(video.facts), bytesOf(video.times), bytesOf(video.boxes)]);
  const made = JSON.parse(new TextDecoder().decode(facts));
  at = Object.fromEntries(made.columns.map((column, place) => [column, place]));
  made.times = new Float64Array(times);
  made.boxes = new Uint16Array(boxes);
  made.imaged = Object.keys(made.thumbnails).map(Number); // in rising order, as a language rule
  for (const event of made.events) event[at.name] = made.names[event[at.name]];
  placeBoxes(made);
  made.rows = rowsOf(made);
  return made;
}

// Notes at which place the boxes of each held frame begin, and how far boxes go where the frames' size is not known.
function placeBoxes(made) {
  const { boxes } = made;
  const [frames, places] = [[], []];
  let [width, height] = [1, 1];
  for (let place = 0; place < boxes.length; ) {
    frames.push(boxes[place] + boxes[place + 1] * 65536);
    places.push(place + 2);
    let left = boxes[place + 2];
    for (place += 3; left; left -= 1) {
      const end = place + 1 + coordinates(boxes[place]);
      if (!made.size) {
        for (let x = place + 1; x < end; x += 2) {
          width = Math.max(width, boxes[x]);
          height = Math.max(height, boxes[x + 1]);
        }
      }
      place = end;
    }
  }
  made.held = { frames, places };
  made.guessed = !made.size; // until the video is opened
  made.size ||= [width, height];
}

const coordinates = (kind) => (kind < FIRST_LABEL ? 8 : 4);

// Returns the boxes of a frame as [what, coordinates], or of the last frame before it that the page holds.
function boxesAt(frame) {
  const { frames, places } = shownVideo.held;
  if (!frames.length || frames[0] > frame) return [];
  let place = places[lastNotAfter(frames, frame)];
  const found = [];
  for (let left = shownVideo.boxes[place++]; left; left -= 1) {
    const end = place + 1 + coordinates(shownVideo.boxes[place]);
    found.push([shownVideo.boxes[place], shownVideo.boxes.subarray(place + 1, end)]);
    place = end;
  }
  return found;
}

// Returns the place of the last number that is not greater, or 0, in numbers that rise.
function lastNotAfter(numbers, limit) {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (numbers[middle] <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}

// Returns a text with its bidirectional marks escaped, as the client escapes them.
const drawnText = (text) => text.replace(/\p{Bidi_Control}/gu, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);

// Returns a row for each label, text and code: what was left out as noise has rows of its own.
function rowsOf(made) {
  const rows = new Map();
  const numbers = new Map(made.labels.map((label, number) => [label, number]));
  made.events.forEach((event, number) => {
    const [kind, noise, bytes] = [event[at.kind], number >= made.kept, event[at.bytes] ?? ""];
    const name = event[at.name] || (bytes && `base64 ${bytes}`);
    const key = `${kind} ${event[at.format] ?? ""} ${noise} ${bytes} ${name}`;
    let row = rows.get(key);
    if (!row) {
      const style = kind === "object" ? styleOf(FIRST_LABEL + numbers.get(name)) : kind;
      row = { kind, name, shown: drawnText(name), noise, style, lower: name.toLowerCase(), spans: [], best: event, seconds: 0, end: 0 };
      rows.set(key, row);
    }
    row.spans.push(event);
    row.seconds += Math.max(event[at.end_ms] - Math.max(event[at.start_ms], row.end), 0) / 1000; // two at once count once
    row.end = Math.max(row.end, event[at.end_ms]);
    if (event[at.confidence] > row.best[at.confidence]) row.best = event;
  });
  return [...rows.values()].sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind));
}

// Returns the classes of what a box is of, which give its colour and its dashes.
function styleOf(what) {
  if (what < FIRST_LABEL) return what === TEXT ? "text" : "code";
  const number = what - FIRST_LABEL;
  return `colour-${number % COLOURS} dashes-${Math.floor(number / COLOURS) % DASHES}`;
}

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Returns a time as people write it, such as 0:07.50 or 1:02:07.50.
function clock(milliseconds, digits = 2) {
  const units = 10 ** digits;
  const all = Math.round((Math.max(0, milliseconds) / 1000) * units) / units;
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  const seconds = (all % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}
