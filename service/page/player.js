// The dialog that plays one moment: starts where it starts, repeats it until told otherwise.

import { ask, clock, fileName } from "/page/ask.js";

const SLACK_SECONDS = 0.3; // between two readings of a player's clock

export class Player {
  constructor(dialog) {
    const part = (id) => dialog.querySelector(`#${id}`);
    this.dialog = dialog;
    this.video = part("video");
    this.note = part("video-note");
    this.track = part("track");
    this.loop = part("loop");
    this.name = part("player-name");
    this.time = part("player-time");
    this.previous = part("previous");
    this.next = part("next");
    this.labels = part("labels");
    this.labelsStatus = part("labels-status");
    this.labelsAnswer = part("labels-answer");
    this.items = [];
    this.at = 0;

    part("close").addEventListener("click", () => this.close());
    this.previous.addEventListener("click", () => this.go(-1));
    this.next.addEventListener("click", () => this.go(1));
    this.loop.addEventListener("click", () => this.setLoop(!this.loops));
    part("labelling").addEventListener("submit", (event) => this.label(event));
    dialog.addEventListener("click", (event) => event.target === dialog && this.close());
    dialog.addEventListener("keydown", (event) => this.key(event));
    dialog.addEventListener("close", () => this.stop());
    this.video.addEventListener("loadedmetadata", () => this.start());
    this.video.addEventListener("error", () => this.fallBack());
    this.video.addEventListener("timeupdate", () => this.keepWithin());
    this.video.addEventListener("ended", () => this.loops && this.start());
    this.video.addEventListener("seeked", () => this.noticeSeek());
  }

  get isOpen() {
    return this.dialog.open;
  }

  get loops() {
    return this.loop.getAttribute("aria-pressed") === "true";
  }

  setLoop(on) {
    this.loop.setAttribute("aria-pressed", String(on));
    if (on && this.video.readyState && !this.isWithin()) this.start();
  }

  open(items, at) {
    this.items = items;
    this.focusBack = document.activeElement;
    if (!this.isOpen) this.dialog.showModal();
    this.play(at);
  }

  close() {
    if (this.isOpen) this.dialog.close();
  }

  stop() {
    this.video.removeAttribute("src");
    this.video.load();
    this.focusBack?.focus();
  }

  go(step) {
    const at = this.at + step;
    if (at >= 0 && at < this.items.length) this.play(at);
  }

  play(at) {
    this.at = at;
    const item = (this.item = this.items[at]);
    this.name.textContent = fileName(item.path);
    this.name.title = item.path;
    this.time.textContent = `${clock(item.start_seconds)} \u2013 ${clock(item.stop_seconds)} \u00b7 ${item.detail}`;
    this.previous.disabled = at === 0;
    this.next.disabled = at === this.items.length - 1;
    this.loop.hidden = Boolean(item.whole);
    this.setLoop(!item.whole);
    this.note.hidden = true;
    this.labelsStatus.textContent = "";
    this.labelsAnswer.replaceChildren();
    this.track.style.setProperty("--share", "0%");
    this.isPreview = false;
    this.show(item.media_url, item.start_seconds, item.stop_seconds);
  }

  show(url, from, to) {
    this.from = from;
    this.to = to;
    this.video.src = url;
    this.video.load();
  }

  start() {
    this.lastStart = performance.now();
    this.video.currentTime = this.from;
    this.video.play().catch(() => {}); // where a browser wants a click first, its controls are there
    const whole = this.video.duration;
    if (Number.isFinite(whole) && whole > 0) {
      this.track.style.setProperty("--from", `${(100 * this.from) / whole}%`);
      this.track.style.setProperty("--share", `${(100 * (Math.min(this.to, whole) - this.from)) / whole}%`);
    }
  }

  fallBack() {
    if (!this.isOpen || !this.video.getAttribute("src")) return;
    this.note.hidden = false;
    if (this.isPreview) {
      this.note.textContent = "This video cannot be played here.";
      return;
    }
    this.isPreview = true;
    this.note.textContent = "Your browser cannot play this file itself: this is a small copy of the moment.";
    this.show(this.item.preview_url, 0, this.item.stop_seconds - this.item.start_seconds);
  }

  isWithin() {
    const now = this.video.currentTime;
    return now >= this.from - SLACK_SECONDS && now <= this.to + SLACK_SECONDS;
  }

  keepWithin() {
    if (this.loops && !this.video.paused && !this.video.seeking && this.video.currentTime >= this.to) this.start();
  }

  noticeSeek() {
    // Somebody who looks elsewhere in the video is not pulled back.
    if (this.loops && !this.isWithin()) this.loop.setAttribute("aria-pressed", "false");
  }

  key(event) {
    if (event.target.closest("input") || event.target === this.video) return;
    if (event.key === "ArrowLeft") this.go(-1);
    else if (event.key === "ArrowRight") this.go(1);
    else return;
    event.preventDefault();
  }

  async label(event) {
    event.preventDefault();
    const item = this.item;
    const labels = [...new Set(this.labels.value.split(",").map((word) => word.trim()).filter(Boolean))];
    this.labelsAnswer.replaceChildren();
    if (labels.length < 2) {
      this.labelsStatus.textContent = "Give two labels or more, with commas between them: they are weighed against each other.";
      return;
    }
    this.labelsStatus.textContent = "Labelling\u2026";
    try {
      const answer = await ask("/v1/classify", { body: { video_id: item.video_id, labels, top: Math.min(8, labels.length) } });
      if (item !== this.item) return;
      this.labelsStatus.textContent = answer.note ? `Note: ${answer.note}.` : "";
      this.labelsAnswer.replaceChildren(...answer.labels.map(labelRow));
    } catch (problem) {
      if (item === this.item) this.labelsStatus.textContent = problem.message;
    }
  }
}

function labelRow({ label, probability }) {
  const percent = `${Math.round(100 * probability)}%`;
  const row = document.createElement("li");
  const [name, bar, number] = ["span", "i", "b"].map((tag) => document.createElement(tag));
  name.textContent = label;
  bar.style.setProperty("--share", percent);
  number.textContent = percent;
  row.append(name, bar, number);
  return row;
}
