// The frame that is shown: its image or the video, and what is there.

const NEAR_MS = 1000; // how far away the image of another frame may be that stands in
const NOTING_MS = 300; // browsers let a page change its address about 100 times in 10 to 30 s
let shown = 0; // the frame
let noting; // the timer after which the address names the frame

const shownTime = () => shownVideo.times[shown] ?? 0;
const frameAt = (milliseconds) => lastNotAfter(shownVideo.times, milliseconds + 0.5);
function videoShown(is) {
  element("video").hidden = element("play").hidden = !is;
}

const videoIsOpen = () => !element("video").hidden;

function drawOverlay() {
  element("overlay").replaceChildren(
    ...boxesAt(shown).map(([what, numbers]) => {
      const [x1, y1, x2, y2] = numbers;
      const polygon = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
      polygon.setAttribute("points", (numbers.length === 4 ? [x1, y1, x2, y1, x2, y2, x1, y2] : [...numbers]).join(" "));
      polygon.setAttribute("class", styleOf(what));
      return polygon;
    }),
  );
}

// Shows the thumbnail of the frame, else, dimmed, that of one nearby.
function drawImage(seek) {
  if (videoIsOpen() && seek) element("video").currentTime = shownTime() / 1000 + 0.001;
  const distance = (frame) => Math.abs(shownVideo.times[frame] - shownTime());
  const nearest = shownVideo.imaged.reduce((one, other) => (distance(other) < distance(one) ? other : one), shownVideo.imaged[0]);
  const is = nearest !== undefined && (nearest === shown || distance(nearest) <= NEAR_MS);
  const image = element("image");
  image.hidden = videoIsOpen() || !is;
  image.className = nearest === shown ? "" : "other";
  if (is) image.src = shownVideo.thumbnails[nearest];
  element("no-image").hidden = videoIsOpen() || nearest === shown;
  element("no-image").textContent = is ? `The image is that of frame ${nearest}.` : "The report has no image of this frame.";
}

function listFrame() {
  const noisy = element("noise").checked;
  const found = shownVideo.rows.flatMap((row) =>
    row.noise && !noisy ? [] : row.spans.filter((event) => event[at.first_frame] <= shown && shown <= event[at.last_frame]).map((event) => [row, event]),
  );
  element("in-frame").replaceChildren(
    ...found.map(([row, event]) => {
      const number = event[at.track_id] ? ` #${event[at.track_id]}` : "";
      const name = make("bdi", { textContent: row.shown });
      return make("li", {}, make("i", { className: `swatch ${row.style}` }), name, `${number} ${event[at.confidence].toFixed(2)}`);
    }),
  );
}

function show(frame, seek = true) {
  const count = shownVideo.times.length;
  shown = Math.min(Math.max(frame, 0), Math.max(count - 1, 0));
  element("slider").value = shown;
  element("slider").setAttribute("aria-valuetext", clock(shownTime()));
  element("where").textContent = count ? `Frame ${shown}, ${clock(shownTime())}` : "The video has no frames.";
  listFrame();
  drawOverlay();
  drawImage(seek);
  placeNeedle();
  clearTimeout(noting);
  noting = setTimeout(noteAddress, NOTING_MS);
}

function noteAddress() {
  const video = videos.length > 1 ? `video=${shownVideo.number + 1}&` : "";
  history.replaceState(null, "", `#${video}frame=${shown}`);
}

function setSize(width, height) {
  shownVideo.size = [width, height];
  element("stage").style.aspectRatio = `${width} / ${height}`;
  element("stage").style.maxWidth = `calc(60vh * ${width} / ${height})`;
  element("overlay").setAttribute("viewBox", `0 0 ${width} ${height}`);
}

function jumpTo(event) {
  show(event[at.best_frame]);
  const time = shareOf(shownTime());
  if (time < 0 || time > 1) setView(shownTime() - span() / 2, span());
  element("stage").scrollIntoView({ block: "nearest" }); // on a narrow screen it may be above
}

function openVideo(url) {
  const video = element("video");
  if (video.src.startsWith("blob:")) URL.revokeObjectURL(video.src);
  videoShown(false); // until it is known to be one
  video.removeAttribute("src");
  video.load(); // else the old one plays on
  if (url) video.src = url;
}

// Keeps the boxes with the video while it plays.
function followVideo() {
  const video = element("video");
  const follow = () => {
    if (videoIsOpen() && !video.seeking) show(frameAt(video.currentTime * 1000), false);
    if (!video.paused) requestAnimationFrame(follow);
  };
  const play = element("play");
  const name = () => {
    play.textContent = video.paused ? "▶" : "❚❚";
    play.ariaLabel = video.paused ? "Play" : "Pause";
  };
  play.addEventListener("click", () => (video.paused ? video.play() : video.pause()));
  for (const event of ["play", "pause", "emptied"]) video.addEventListener(event, name);
  video.addEventListener("play", follow);
  video.addEventListener("pause", follow);
  video.addEventListener("seeked", follow);
}

function startFrame() {
  const video = element("video");
  element("slider").addEventListener("input", () => show(Number(element("slider").value)));
  element("back").addEventListener("click", () => show(shown - 1));
  element("on").addEventListener("click", () => show(shown + 1));
  element("file").addEventListener("change", () => {
    const [file] = element("file").files;
    if (file) openVideo(URL.createObjectURL(file));
  });
  video.addEventListener("loadedmetadata", () => {
    videoShown(video.videoWidth > 0);
    if (shownVideo.guessed && video.videoWidth) setSize(video.videoWidth, video.videoHeight);
    show(shown);
  });
  video.addEventListener("error", () => {
    videoShown(false);
    drawImage(false);
  });
  followVideo();
}
