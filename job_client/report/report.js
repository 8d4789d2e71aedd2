// Shows one of the videos, at first the one that the address names.

function describe({ name, job, pipeline, submitted, counts }) {
  element("name").textContent = name;
  element("job").textContent = `Job ${job}, pipeline ${pipeline}, submitted ${submitted}`;
  const facts = [["length", clock(shownVideo.end - shownVideo.start, 1)], ...Object.entries(counts).map(([what, count]) => [what, count.toLocaleString("en")])];
  element("counts").replaceChildren(...facts.map(([what, value]) => make("div", {}, make("dt", { textContent: what }), make("dd", { textContent: value }))));
  const noise = shownVideo.events.length - shownVideo.kept;
  element("noise-choice").hidden = !noise;
  element("noise-count").textContent = `with ${noise.toLocaleString("en")} seen for a moment, probably noise`;
}

function mark(tab, isShown) {
  tab.setAttribute("aria-current", isShown);
  const tabs = tab.parentElement.getBoundingClientRect(), own = tab.getBoundingClientRect();
  if (isShown && (own.top < tabs.top || own.bottom > tabs.bottom)) tab.parentElement.scrollTop += own.top - tabs.top;
}

let choices = 0;

async function showVideo(number, frame) {
  const choice = ++choices;
  const video = await unpacked(videos[number]);
  if (choice !== choices) return; // another one was chosen meanwhile
  shownVideo = { ...video, number };
  setSize(...shownVideo.size);
  element("slider").max = Math.max(0, shownVideo.times.length - 1);
  element("noise").checked = false;
  [...document.querySelectorAll("#videos button")].forEach((tab, place) => mark(tab, place === number));
  describe(videos[number]);
  openVideo(videos[number].url);
  list();
  show(frame ?? listed[0]?.best[at.best_frame] ?? 0);
  setView(0, Infinity);
}

async function showLinked() {
  const linked = new URLSearchParams(location.hash.slice(1));
  const number = Math.min(Math.max(Number(linked.get("video") || 1) - 1, 0), videos.length - 1) || 0;
  await showVideo(number, linked.has("frame") ? Number(linked.get("frame")) || 0 : undefined);
}

async function start() {
  startAxis();
  startFrame();
  startList();
  document.querySelectorAll("#videos button").forEach((tab, number) => tab.addEventListener("click", () => showVideo(number)));
  addEventListener("hashchange", showLinked);
  await showLinked();
  document.documentElement.dataset.ready = Math.round(performance.now());
}

start();
