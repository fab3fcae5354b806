"use strict";
document.documentElement.classList.add("js");
const tables = JSON.parse(document.getElementById("data-tables").textContent);
const scores = document.getElementById("data-scores").textContent;

/** A new element with attributes and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
/** A button that saves a file. */
function saver(label, name, href) {
  const button = make("button", { type: "button", class: "plain", "aria-label": `Save ${name}` }, label);
  button.addEventListener("click", () => make("a", { href: href(), download: name }).click());
  return button;
}
const hint = (words) => make("p", { class: "hint" }, words);
const text = (content, type) => () => URL.createObjectURL(new Blob([content], { type }));

// What the article had before it had a supplement is there now, under the same name.
function follow() {
  const other = document.getElementById("other").href;
  if (document.body.dataset.document === "report" && location.hash && !document.getElementById(location.hash.slice(1))) location.replace(other + location.hash);
}
addEventListener("hashchange", follow);
follow();

// Contents: the current section is marked; on a narrow screen the list is closed.
const contents = document.querySelector("nav details");
const links = new Map([...contents.querySelectorAll("li a")].map((a) => [a.hash.slice(1), a]));
const wide = matchMedia("(min-width: 75rem)");
const fold = () => { contents.open = wide.matches; };
fold();
wide.addEventListener("change", fold);
contents.addEventListener("click", (event) => { if (event.target.hash && !wide.matches) contents.open = false; });
const headings = [...links.keys()].map((id) => document.getElementById(id));
function mark() {
  const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3);
  const current = (passed.at(-1) ?? headings[0]).id;
  for (const [id, link] of links) {
    if (id === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  document.getElementById("current").textContent = `: ${links.get(current).textContent}`;
}
addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
mark();
document.getElementById("save").append(saver("scores.json", "scores.json", text(scores, "application/json")));

// What scrolls sideways fades out at the edge behind which it goes on.
const fade = (box) => box.classList.toggle("cut", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
const resized = new ResizeObserver((entries) => { for (const entry of entries) fade(entry.target); });
for (const box of document.querySelectorAll(".wide, figure > p, .equation, .algorithm")) {
  box.addEventListener("scroll", () => fade(box), { passive: true });
  resized.observe(box);
}

// A click on a column head sorts the table by it: by the first number in each cell, or by its text.
function value(row, column) {
  const content = row.cells[column].textContent.trim();
  const number = parseFloat(content.replace("−", "-"));
  return Number.isNaN(number) ? content : number;
}
function compare(a, b) {
  if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b);
  return typeof a === "number" ? -1 : 1;
}
for (const table of document.querySelectorAll("table")) {
  for (const head of table.tHead.rows[0].cells) {
    if (!head.textContent && head.cellIndex) continue;
    const button = make("button", { type: "button" }, ...head.childNodes);
    if (!button.textContent) button.setAttribute("aria-label", "first column");
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compare(value(a, head.cellIndex), value(b, head.cellIndex)));
      if (descending) rows.reverse();
      table.tBodies[0].append(...rows);
    });
  }
}

// A click on a figure enlarges it; another click, or Escape, closes it.
const dialog = document.querySelector("dialog");
dialog.addEventListener("click", () => dialog.close());
for (const image of document.querySelectorAll("figure > p > img")) {
  image.tabIndex = 0;
  image.setAttribute("role", "button");
  const enlarge = () => {
    const copy = image.cloneNode();
    copy.style.setProperty("--shape", image.width / image.height);
    dialog.replaceChildren(copy);
    dialog.showModal();
  };
  image.addEventListener("click", enlarge);
  image.addEventListener("keydown", (event) => { if (event.key === "Enter") enlarge(); });
}

// The data and the vector graphics of each figure can be saved.
for (const sources of document.querySelectorAll(".sources")) {
  const figure = sources.closest("figure");
  const buttons = sources.dataset.tables.split(" ").filter(Boolean).map((name) =>
    saver("CSV", `${name}.csv`, text(tables[name], "text/csv")));
  const images = figure.querySelectorAll(":scope > p > img");
  if (images.length === 1) buttons.push(saver("SVG", `${figure.id}.svg`, () => images[0].src));
  sources.prepend(...buttons);
}

// Films: a slider over the steps t moves the frames of all samplers at once.
for (const film of document.querySelectorAll(".film")) {
  const steps = film.dataset.steps.split(",");
  const images = [...film.querySelectorAll("img")];
  const sets = make("div", { class: "sets" });
  for (const image of images) {
    image.style.aspectRatio = `${image.getAttribute("width")} / ${image.getAttribute("height") / steps.length}`;
    sets.append(make("div", {}, image.alt, image));
  }
  const slider = make("input", { type: "range", min: 0, max: steps.length - 1, value: 0, "aria-label": "Step t of the reverse process" });
  const output = make("output");
  const show = () => {
    for (const image of images) image.style.objectPosition = `0 ${100 * slider.value / slider.max}%`;
    output.textContent = `t = ${steps[slider.value]}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  slider.addEventListener("input", show);
  const play = make("button", { type: "button", class: "plain play" }, "Play");
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "Play"; };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = 0;
    play.textContent = "Pause";
    timer = setInterval(() => {
      slider.stepUp();
      show();
      if (slider.value === slider.max) stop();
    }, 100);
  });
  slider.value = Math.round(steps.length / 2);
  film.replaceChildren(sets, make("div", { class: "controls" }, play, slider, output), hint("Move the slider, or use the arrow keys, to choose the step t."));
  show();
}

// Before and after: a divider between degraded and restored images.
document.querySelectorAll(".compare").forEach((box, number) => {
  const [before, ...after] = [...box.querySelectorAll("img")];
  const slider = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "Divider between degraded and restored images" });
  const pair = make("div", { class: "pair" }, before, after[0], slider);
  const move = () => {
    pair.style.setProperty("--at", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${slider.value} % degraded`);
  };
  slider.addEventListener("input", move);
  const choices = after.map((image, i) => {
    const radio = make("input", { type: "radio", name: `compare-${number}`, ...(i ? {} : { checked: "" }) });
    radio.addEventListener("change", () => pair.querySelector("img + img").replaceWith(image));
    return make("label", {}, radio, ` ${image.alt}`);
  });
  box.replaceChildren(pair, make("div", { class: "controls", role: "group", "aria-label": "Right of the divider" }, "degraded |", ...choices), hint("Drag the divider, or use the arrow keys."));
  move();
});

// Tabs: one panel is shown; arrow keys move between tabs; a link to a figure opens its panel.
for (const box of document.querySelectorAll(".tabs")) {
  const panels = [...box.querySelectorAll(":scope > .tab")];
  const list = make("div", { role: "tablist", "aria-label": "Models" });
  const tabs = panels.map((panel, i) => {
    panel.id ||= `panel-${i}`;
    panel.setAttribute("role", "tabpanel");
    const tab = make("button", { type: "button", role: "tab", "aria-controls": panel.id }, panel.dataset.name);
    tab.addEventListener("click", () => choose(i));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) choose((i + by + panels.length) % panels.length, true);
    });
    return tab;
  });
  const choose = (chosen, focus = false) => panels.forEach((panel, i) => {
    panel.hidden = i !== chosen;
    tabs[i].setAttribute("aria-selected", i === chosen);
    tabs[i].tabIndex = i === chosen ? 0 : -1;
    if (focus && i === chosen) tabs[i].focus();
  });
  list.append(...tabs);
  box.prepend(list);
  choose(0);
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const index = panels.findIndex((panel) => target && panel.contains(target));
    if (index >= 0) { choose(index); target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();
}

// Loss curves: switch models, point at the chart or use the arrow keys to read values.
function parse(csv) {
  const [head, ...lines] = csv.trim().split("\n").map((line) => line.split(","));
  return lines.map((line) => Object.fromEntries(line.map((cell, i) => [head[i], cell])));
}
for (const box of document.querySelectorAll(".explorer")) {
  const rows = parse(tables.loss).map((row) => ({ ...row, x: +row.images }));
  const colours = Object.fromEntries(parse(tables.models).map((row) => [row.model, row.colour === "#444444" ? "currentColor" : row.colour]));
  const names = Object.keys(colours);
  const short = (loss, source) => (!loss ? "–" : source === "published" ? loss : (+loss).toPrecision(4));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("tabindex", 0);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "Losses by training images; arrow keys move the cursor");
  const readout = make("div", { class: "readout", "aria-live": "polite" });
  const boxes = names.map((name) => make("input", { type: "checkbox", value: name, ...(rows.some((row) => row.model === name && row.source === "published") ? { checked: "" } : {}) }));
  if (!boxes.some((each) => each.checked)) for (const each of boxes) each.checked = true;
  const labels = boxes.map((each, i) => {
    const swatch = make("span", { "aria-hidden": "true", style: `color: ${colours[names[i]]}` }, " ● ");
    each.addEventListener("change", draw);
    return make("label", {}, each, swatch, names[i]);
  });
  box.append(make("div", { class: "controls", role: "group", "aria-label": "Models" }, ...labels), svg, readout, hint("Switch the models; point at the chart, or use the arrow keys, to read the values. Wide pale lines: training; dotted lines and crosses: published."));
  const margin = { left: 56, right: 12, top: 12, bottom: 40 };
  let cursor = 0;
  let places = [];
  let scale = (x) => x;
  const add = (tag, attributes, content = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = content;
    svg.append(element);
  };
  const ticks = (low, high) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const factor of [1, 2, 5]) {
        const tick = factor * 10 ** power;
        if (tick >= low && tick <= high) found.push(tick);
      }
    }
    return found;
  };
  function draw() {
    const shown = rows.filter((row) => boxes[names.indexOf(row.model)]?.checked);
    svg.replaceChildren();
    readout.replaceChildren();
    places = [...new Set(shown.map((row) => row.x))].sort((a, b) => a - b);
    if (!places.length) return;
    const { width, height } = svg.getBoundingClientRect();
    const losses = shown.flatMap((row) => [row.training_loss, row.validation_loss]).filter(Boolean).map(Number);
    const log = (low, high, from, to) => (v) => from + (to - from) * (high > low ? Math.log(v / low) / Math.log(high / low) : 0.5);
    scale = log(places[0], places.at(-1), margin.left + 8, width - margin.right - 8);
    const y = log(Math.min(...losses), Math.max(...losses), height - margin.bottom - 8, margin.top + 8);
    for (const tick of ticks(Math.min(...losses), Math.max(...losses))) {
      add("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(tick), y2: y(tick) });
      add("text", { x: margin.left - 6, y: y(tick) + 4, "text-anchor": "end" }, String(+tick.toPrecision(1)));
    }
    for (const tick of ticks(places[0], places.at(-1))) {
      if (width < 600 && String(tick)[0] !== "1") continue;
      add("line", { class: "grid", x1: scale(tick), x2: scale(tick), y1: margin.top, y2: height - margin.bottom });
      add("text", { x: scale(tick), y: height - margin.bottom + 16, "text-anchor": "middle" }, tick.toLocaleString("en-GB"));
    }
    add("text", { x: (margin.left + width) / 2, y: height - 6, "text-anchor": "middle" }, "training images seen");
    add("text", { x: 12, y: height / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${height / 2})` }, "loss");
    for (const name of names) {
      for (const source of ["here", "published"]) {
        for (const part of ["training", "validation"]) {
          const points = shown.filter((row) => row.model === name && row.source === source && row[`${part}_loss`]);
          const path = points.map((row) => `${scale(row.x).toFixed(1)} ${y(row[`${part}_loss`]).toFixed(1)}`);
          add("path", { class: `line ${part} ${source}`, stroke: colours[name], d: path.length < 5 ? "" : `M${path.join("L")}` });
          if (path.length < 5) {
            for (const row of points) add("text", { x: scale(row.x), y: y(row[`${part}_loss`]) + 4, "text-anchor": "middle", style: `fill: ${colours[name]}` }, part === "training" ? "+" : "×");
          }
        }
      }
    }
    add("line", { class: "cursor", y1: margin.top, y2: height - margin.bottom });
    point(Math.min(cursor, places.length - 1));
  }
  function point(index) {
    cursor = index;
    const line = svg.querySelector(".cursor");
    line.setAttribute("x1", scale(places[index]));
    line.setAttribute("x2", scale(places[index]));
    const items = [];
    for (const name of names.filter((_, i) => boxes[i].checked)) {
      for (const source of ["here", "published"]) {
        const row = rows.find((each) => each.model === name && each.source === source && each.x === places[index]);
        if (row) items.push(make("li", {}, `${name}${source === "published" ? ", published" : ""}, epoch ${row.epoch}: training ${short(row.training_loss, source)}, validation ${short(row.validation_loss, source)}`));
      }
    }
    readout.replaceChildren(`${places[index].toLocaleString("en-GB")} training images seen`, make("ul", {}, ...items));
  }
  svg.addEventListener("pointermove", (event) => {
    if (!places.length) return;
    const x = event.clientX - svg.getBoundingClientRect().left;
    const nearest = places.reduce((best, place, i) => Math.abs(scale(place) - x) < Math.abs(scale(places[best]) - x) ? i : best, 0);
    point(nearest);
  });
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 }[event.key];
    if (!by || !places.length) return;
    event.preventDefault();
    point(Math.max(0, Math.min(places.length - 1, cursor + by)));
  });
  cursor = Infinity;
  new ResizeObserver(draw).observe(svg);
}
