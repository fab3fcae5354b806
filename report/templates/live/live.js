// Live figures: models of the report that run here, in a Web Worker. Nothing is decoded before the
// button is pressed. Without WebAssembly the figure remains as it is.
const SIDE = 28;
const content = (id) => document.getElementById(id).textContent;
const decoded = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const runs = () => typeof WebAssembly === "object" && WebAssembly.validate(decoded(content("live-kernel")));
/** A picture of 28 x 28 pixels in [-0.5, 0.5], with words below it; index: of the symbol x after them. */
function picture(words, index) {
  const symbol = index ? [" ", make("i", {}, "x"), make("sub", {}, index)] : [];
  const canvas = make("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": index ? `${words} x ${index}` : words });
  const context = canvas.getContext("2d");
  const show = (values) => {
    const image = context.createImageData(SIDE, SIDE);
    for (let i = 0; i < SIDE * SIDE; i++) image.data.set([...Array(3).fill(255 * (values[i] + 0.5)), 255], 4 * i); // clamped
    context.putImageData(image, 0, 0);
  };
  return { canvas, show, clear: () => context.clearRect(0, 0, SIDE, SIDE), element: make("div", {}, canvas, make("span", { "aria-hidden": "true" }, words, ...symbol)) };
}
/** A slider with its name and its value in words. */
function ranged(name, attributes, words = (value) => value) {
  const input = make("input", { type: "range", ...attributes });
  const output = make("output");
  const show = () => {
    output.textContent = words(input.value);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", show);
  show();
  return { input, show, element: make("label", {}, `${name} `, input, output) };
}
function chosen(name, options, initial) {
  const select = make("select", {}, ...options.map(([value, words]) => make("option", { value }, words)));
  select.value = initial;
  return { input: select, element: make("label", {}, `${name} `, select) };
}
const digits = Array.from({ length: 10 }, (_, digit) => [digit, `${digit}`]);

// The digits that can be drawn without a pointer: strokes from point to point, x and y in pixels.
const STROKES = [
  ["14,5 10,7 8,13 9,19 13,23 17,21 20,15 19,9 14,5"], ["11,8 15,5 14,23"], ["8,9 12,5 18,6 19,11 14,17 8,22 14,21 20,22"],
  ["8,7 14,5 18,8 17,12 13,13 18,15 19,19 15,23 8,21"], ["10,5 8,14 19,14", "18,6 17,23"], ["19,5 10,6 9,12 16,12 19,16 17,21 12,23 8,21"],
  ["16,5 11,10 9,17 12,22 17,21 18,17 15,14 10,16"], ["8,6 19,6 15,14 12,23"], ["17,7 12,6 10,10 18,17 16,22 11,22 10,17 18,10 17,7"],
  ["18,9 14,6 10,8 10,12 14,14 18,11 18,8 17,15 15,23"],
].map((strokes) => strokes.map((stroke) => stroke.split(" ").map((point) => point.split(",").map(Number))));

/** A picture to draw on, by pointer or by keys; `values` are its pixels. */
function sheet(say) {
  const { canvas, show, element } = picture("Your digit");
  const values = new Float32Array(SIDE * SIDE).fill(-0.5);
  let [pen, cursor, last] = [false, [14, 14], null];
  const refresh = () => {
    show(values);
    if (document.activeElement !== canvas || !canvas.matches(":focus-visible")) return;
    const context = canvas.getContext("2d");
    context.fillStyle = pen ? "#e69f00" : "#56b4e9";
    context.fillRect(...cursor.map(Math.round), 1, 1);
  };
  const dot = ([x, y]) => {
    for (let i = Math.max(0, Math.floor(y - 2)); i < Math.min(SIDE, y + 3); i++) for (let j = Math.max(0, Math.floor(x - 2)); j < Math.min(SIDE, x + 3); j++) {
      const ink = Math.min(1, Math.max(0, 1.9 - Math.hypot(j - x, i - y))) - 0.5;
      values[i * SIDE + j] = Math.max(values[i * SIDE + j], ink);
    }
  };
  const line = (from, to) => {
    const parts = Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])) || 1;
    for (let k = 0; k <= parts; k++) dot(from.map((value, axis) => value + (to[axis] - value) * k / parts));
    refresh();
  };
  const clear = () => { values.fill(-0.5); refresh(); };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * SIDE - 0.5, (event.clientY - box.top) / box.height * SIDE - 0.5];
  };
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Drawing of 28 by 28 pixels: arrow keys move the pen, Space lowers or lifts it, Delete clears");
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    line(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) line(last, last = place(each));
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { last = null; });
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, refresh);
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (by) {
      const next = cursor.map((value, axis) => Math.min(SIDE - 1, Math.max(0, value + by[axis])));
      const before = cursor;
      cursor = next;
      if (pen) line(before, next);
    } else if (event.key === " ") {
      pen = !pen;
      if (pen) line(cursor, cursor);
      say(`Pen ${pen ? "down" : "up"} at column ${cursor[0] + 1}, row ${cursor[1] + 1}.`);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
      say("Cleared.");
    } else return;
    event.preventDefault();
    refresh();
  });
  const example = (digit) => {
    clear();
    for (const stroke of STROKES[digit]) stroke.forEach((point, i) => i && line(stroke[i - 1], point));
  };
  element.append(hint("Draw with a mouse or a finger, or with the arrow keys: Space lowers and lifts the pen, Delete clears."));
  return { values, element, clear, example };
}
/** Pixels moved so that the centre of mass of the ink is in the middle, as in MNIST. */
function centred(values) {
  const sum = (weight) => values.reduce((total, value, i) => total + (value + 0.5) * weight(i), 0);
  const ink = sum(() => 1);
  const [dx, dy] = [(i) => i % SIDE, (i) => Math.floor(i / SIDE)].map((place) => Math.round(SIDE / 2 - 0.5 - sum(place) / ink) || 0);
  return values.map((_, i) => {
    const [x, y] = [i % SIDE - dx, Math.floor(i / SIDE) - dy];
    return x >= 0 && x < SIDE && y >= 0 && y < SIDE ? values[y * SIDE + x] : -0.5;
  });
}
/** Peak signal-to-noise ratio in dB, with pixels clipped to their range. */
function psnr(values, original) {
  const squares = original.map((pixel, i) => (Math.min(0.5, Math.max(-0.5, values[i])) - pixel) ** 2);
  return (-10 * Math.log10(squares.reduce((a, b) => a + b) / squares.length)).toFixed(1);
}

// For each figure: its controls, its pictures, what the worker gets, and what is said at the end.
const FIGURES = {
  generate(model) {
    const digit = chosen("Digit", digits, 3);
    const guidance = ranged("Guidance", { min: 0, max: 8, step: 0.5, value: model.guidance }, (value) => (value === "0" ? "0: any digit" : value));
    const steps = ranged("Steps", { min: 2, max: Math.min(100, model.T), value: Math.min(25, model.T) });
    const eta = chosen("η", [[0, "0, deterministic"], [1, "1, ancestral"]], 1);
    return {
      controls: [digit, guidance, steps, eta].map(({ element }) => element),
      pictures: { x: ["state", "t"], x_0: ["estimate of", "0"] },
      settings: () => ({ label: +digit.input.value, guidance: +guidance.input.value, steps: +steps.input.value, eta: +eta.input.value }),
      end: (_, { guidance: scale, label, steps: count }) => `${scale ? `Digit ${label}` : "Any digit"} in ${count} steps.`,
    };
  },
  restore(model, say) {
    const paper = sheet(say);
    const example = chosen("Example", digits, 4);
    const clear = make("button", { type: "button", class: "plain" }, "Clear");
    clear.addEventListener("click", () => { paper.clear(); say("Cleared."); });
    example.input.addEventListener("change", () => paper.example(example.input.value));
    paper.example(4);
    const most = Math.round(200 * new Float64Array(decoded(model.schedule).buffer).at(-1));
    const share = ranged("Pixels replaced", { min: 5, max: most, step: 5, value: Math.min(70, most) }, (value) => `${value} %`);
    return {
      sheet: paper.element,
      controls: [example.element, clear, share.element],
      pictures: {
        degraded: ["degraded"], naive: ["naive:", "t"], improved: ["improved:", "t"],
        one_step: ["one step"], naive_x_0: ["naive: estimate of", "0"], improved_x_0: ["improved: estimate of", "0"],
      },
      settings: () => ({ image: centred(paper.values), share: share.input.value / 100 }),
      end: (state, { image }) => `PSNR against your digit: one step ${psnr(state.one_step, image)} dB, naive sampler ${psnr(state.naive, image)} dB, improved sampler ${psnr(state.improved, image)} dB.`,
    };
  },
};

/** Replace the button by the figure, and start its worker. */
function live(box, kind) {
  const text = content(`live-${kind}`);
  const model = JSON.parse(text);
  const status = make("p", { class: "hint", role: "status" });
  const say = (words) => { status.textContent = words; };
  const figure = FIGURES[kind](model, say);
  const pictures = Object.entries(figure.pictures).map(([key, words]) => [key, picture(...words)]);
  const seed = make("input", { type: "number", min: 0, max: 999999, value: 1 });
  const start = make("button", { type: "button", class: "plain" }, "Run");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let [states, run, settings, began] = [[], 0, null, 0];
  const step = ranged("Step", { min: 0, max: 0, value: 0 }, (index) => (states.length ? `t = ${states[index].t}` : ""));

  const worker = new Worker(URL.createObjectURL(new Blob([content("live-worker")], { type: "text/javascript" })));
  worker.postMessage({ model: text, kernel: content("live-kernel") });
  const show = (index) => {
    const state = states[index];
    for (const [key, { show: draw, clear }] of pictures) state[key] ? draw(state[key]) : clear();
    step.input.value = index;
    step.show();
  };
  const stop = (words) => {
    [run, start.textContent] = [run + 1, "Run"];
    say(words);
  };
  step.input.addEventListener("input", () => states.length && show(+step.input.value));
  worker.onerror = (event) => {
    event.preventDefault();
    stop("This browser cannot run the model; the figure below shows it recorded.");
    start.disabled = true;
  };
  worker.onmessage = ({ data: state }) => {
    if (state.ready) return start.click();
    if (state.run !== run) return; // of a run that was stopped
    states.push(state);
    step.input.max = states.length - 1;
    if (!still.matches || !state.t) requestAnimationFrame(() => states.includes(state) && show(states.indexOf(state)));
    if (state.t) return worker.postMessage({ run });
    const spent = (performance.now() - began) / 1000;
    stop(`${figure.end(state, settings)} ${model.model}, ${spent.toFixed(1)} s. Move the slider to see each step.`);
  };
  start.addEventListener("click", () => {
    if (start.textContent === "Stop") return stop("Stopped.");
    settings = { seed: +seed.value, ...figure.settings() };
    if (settings.image && Math.max(...settings.image) < 0) return say("Draw a digit first, or choose an example.");
    [states, run, began] = [[], run + 1, performance.now()];
    start.textContent = "Stop";
    say("Running …");
    worker.postMessage({ start: settings, run });
  });
  box.replaceChildren(
    make("div", { class: "bench" }, ...(figure.sheet ? [figure.sheet] : []),
      make("div", { class: "controls" }, ...figure.controls, make("label", {}, "Seed ", seed), start),
      make("div", { class: "pictures" }, ...pictures.map(([, { element }]) => element))),
    make("div", { class: "controls" }, step.element), status);
  box.querySelector("canvas[tabindex], select").focus({ preventScroll: true });
}
for (const box of document.querySelectorAll(".live")) {
  if (!runs()) break;
  const { kind } = box.dataset;
  const button = make("button", { type: "button", class: "plain" }, { generate: "Draw digits here", restore: "Restore your own digit here" }[kind]);
  button.addEventListener("click", () => live(box, kind));
  const size = (content(`live-${kind}`).length / 1e6).toFixed(1);
  box.append(button, hint(`Runs the model in this page, offline: ${size} MB that the page already has, with weights rounded to 8 bits.`));
}
