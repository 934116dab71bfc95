// The search page: asks /v1, draws cards, plays moments. Plain modules, nothing from elsewhere.

import { Player } from "/page/player.js";
import { ask, clock, fileName, quoted } from "/page/ask.js";

const VIDEOS_AT_ONCE = 24;
const HITS = 24;
const POLL_MILLISECONDS = 1500;

const byId = (id) => document.getElementById(id);
const [queryBox, results, heading, status, message, more] = [
  "query", "results", "heading", "status", "message", "more",
].map(byId);

const player = new Player(byId("player"));
let turn = 0; // answers to an older question are thrown away
let items = []; // what the cards show, in order

// -- cards ----------------------------------------------------------------------------------------

function card(item) {
  const node = byId("card").content.cloneNode(true);
  const button = node.querySelector(".card");
  const image = node.querySelector("img");
  image.addEventListener("error", () => image.classList.add("broken"), { once: true });
  image.src = item.thumbnail_url;
  node.querySelector(".name").textContent = fileName(item.path);
  node.querySelector(".name").title = item.path;
  node.querySelector(".time").textContent = item.time;
  node.querySelector(".score b").textContent = item.detail;
  node.querySelector(".score i").style.setProperty("--share", item.share ?? "0%");
  button.classList.toggle("video", item.share === undefined);
  button.setAttribute("aria-label", `${fileName(item.path)}, ${item.time}, ${item.detail}`);
  button.addEventListener("click", () => player.open(items, items.indexOf(item)));
  return node;
}

function asHit(hit, best) {
  const share = best > 0 ? Math.max(4, (100 * hit.score) / best) : 4;
  return {
    ...hit,
    time: `${clock(hit.start_seconds)} \u2013 ${clock(hit.stop_seconds)}`,
    detail: hit.score.toFixed(2),
    share: `${share}%`,
  };
}

function asVideo(video) {
  const stop = video.duration_seconds;
  return {
    ...video,
    start_seconds: 0,
    stop_seconds: stop,
    whole: true,
    preview_url: `/v1/videos/${video.video_id}/preview?start_seconds=0&stop_seconds=${stop}`,
    time: clock(stop),
    detail: `${video.width} \u00d7 ${video.height}`,
  };
}

function show(list) {
  items = list;
  results.removeAttribute("aria-busy");
  results.replaceChildren(...list.map(card));
  message.hidden = true;
}

function showWaiting() {
  message.hidden = true;
  more.hidden = true;
  results.setAttribute("aria-busy", "true");
  results.replaceChildren(...Array.from({ length: 8 }, () => {
    const node = byId("card").content.cloneNode(true);
    const button = node.querySelector(".card");
    button.classList.add("waiting");
    button.disabled = true;
    return node;
  }));
}

function showMessage(title, text, { code, retry, failed = false } = {}) {
  results.removeAttribute("aria-busy");
  results.replaceChildren();
  items = [];
  const strong = document.createElement("strong");
  strong.textContent = title;
  message.replaceChildren(strong, text);
  if (code) {
    const line = document.createElement("code");
    line.textContent = code;
    message.append(document.createElement("br"), line);
  }
  if (retry) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = "Try again";
    button.addEventListener("click", retry);
    message.append(document.createElement("br"), button);
  }
  message.classList.toggle("failed", failed);
  message.hidden = false;
  more.hidden = true;
}

// -- questions ------------------------------------------------------------------------------------

async function search(query) {
  const mine = ++turn;
  heading.textContent = `\u201c${query}\u201d`;
  document.title = `${query} \u00b7 cpd`;
  status.textContent = "Searching\u2026";
  showWaiting();
  try {
    const answer = await ask("/v1/search", { body: { query, limit: HITS } });
    if (mine !== turn) return;
    const best = answer.hits[0]?.score ?? 0;
    if (answer.hits.length) {
      show(answer.hits.map((hit) => asHit(hit, best)));
      status.textContent = answer.hits.length === 1 ? "1 moment" : `${answer.hits.length} moments`;
    } else {
      status.textContent = "";
      await showNothing(query, mine);
    }
  } catch (problem) {
    if (mine !== turn) return;
    status.textContent = "";
    if (problem.status === 503) waitForModel(problem, () => search(query), mine);
    else showMessage("That did not work", problem.message, { retry: () => search(query), failed: true });
  }
}

async function showNothing(query, mine) {
  const ready = await ask("/health/ready", { accept: [503] });
  if (mine !== turn) return;
  if (ready.num_videos === 0) showEmptyLibrary(ready);
  else showMessage("No moment found", `Nothing in the library fits \u201c${query}\u201d. Try other words.`);
}

function showEmptyLibrary(ready) {
  showMessage("This library is empty", "Add videos with this command, then search: they show up at once.", {
    code: `cpd index add ~/Videos --library ${quoted(ready.library)}`,
  });
}

async function showLibrary(offset = 0) {
  const mine = offset ? turn : ++turn;
  heading.textContent = "Your library";
  document.title = "cpd";
  if (!offset) {
    status.textContent = "";
    showWaiting();
  }
  try {
    const page = await ask(`/v1/videos?limit=${VIDEOS_AT_ONCE}&offset=${offset}`);
    if (mine !== turn) return;
    if (page.total === 0) {
      showEmptyLibrary(await ask("/health/ready", { accept: [503] }));
      return;
    }
    const known = offset ? items : [];
    show([...known, ...page.videos.map(asVideo)]);
    status.textContent = page.total === 1 ? "1 video" : `${page.total} videos`;
    more.hidden = items.length >= page.total;
    if (offset) results.children[offset]?.querySelector("button").focus();
  } catch (problem) {
    if (mine !== turn) return;
    showMessage("The library cannot be shown", problem.message, { retry: () => showLibrary(), failed: true });
  }
}

function waitForModel(problem, again, mine) {
  showMessage("Not ready yet", problem.message, { retry: again });
  setTimeout(async () => {
    if (mine !== turn) return;
    try {
      const ready = await ask("/health/ready", { accept: [503] });
      if (mine !== turn) return;
      if (ready.ready) again();
      else waitForModel({ message: ready.reason }, again, mine);
    } catch {
      if (mine === turn) waitForModel(problem, again, mine);
    }
  }, POLL_MILLISECONDS);
}

async function showFacts() {
  try {
    const ready = await ask("/health/ready", { accept: [503] });
    const videos = ready.num_videos === 1 ? "1 video" : `${ready.num_videos} videos`;
    byId("facts").textContent = `${videos} \u00b7 ${ready.num_segments} segments \u00b7 ${ready.model}`;
  } catch {
    byId("facts").textContent = "";
  }
}

// -- address, keyboard ----------------------------------------------------------------------------

function askedFor() {
  return (new URLSearchParams(location.search).get("q") ?? "").trim();
}

function follow() {
  const query = askedFor();
  queryBox.value = query;
  return query ? search(query) : showLibrary();
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const query = queryBox.value.trim();
  if (query !== askedFor()) {
    history.pushState(null, "", query ? `/?${new URLSearchParams({ q: query })}` : "/");
  }
  if (matchMedia("(pointer: coarse)").matches) queryBox.blur(); // the phone's keyboard hides results
  follow();
});

more.addEventListener("click", () => showLibrary(items.length));
window.addEventListener("popstate", () => {
  player.close();
  follow();
});

/** The card next to one, by keys: left and right in reading order, up and down in the same column. */
function neighbour(cards, at, key) {
  if (key === "ArrowRight") return cards[at + 1];
  if (key === "ArrowLeft") return cards[at - 1];
  const columns = getComputedStyle(results).gridTemplateColumns.split(" ").length;
  const to = key === "ArrowDown" ? at + columns : at - columns;
  return to < 0 ? queryBox : (cards[to] ?? (key === "ArrowDown" ? cards.at(-1) : undefined));
}

results.addEventListener("keydown", (event) => {
  if (!event.key.startsWith("Arrow")) return;
  const cards = [...results.querySelectorAll(".card")];
  const to = neighbour(cards, cards.indexOf(document.activeElement), event.key);
  if (to) {
    event.preventDefault();
    to.focus();
  }
});

queryBox.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  event.preventDefault();
  results.querySelector(".card:not(:disabled)")?.focus();
});

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest?.("input, textarea");
  if (event.key === "/" && !writing && !player.isOpen && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    queryBox.focus();
    queryBox.select();
  }
});

follow();
showFacts();
