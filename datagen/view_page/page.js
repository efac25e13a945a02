"use strict";

// The page: one state object, one function that draws it. Data lie in inert JSON blocks, parsed when they are shown.

const $ = (id) => document.getElementById(id);
const parse = (id) => JSON.parse($(id).textContent);
const set = parse("set");
const VIEWS = ["near", "far"];
const OTHER = { near: "far", far: "near" };
const SVG = "http://www.w3.org/2000/svg";
const MODES = { slider: "Slider", both: "Side by side", warp: "Warp" };
const LAYERS = { rgb: "Colour", flow: "Flow", masks: "Masks", depth: "Depth", normal: "Normals", part: "Parts" };
const SWAP_MS = 500;

const state = { index: 0, mode: "slider", layer: "rgb", landmarks: false, split: 50, playing: true, point: null };
let sample = null;
let planes = {};

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const figure = (view) => document.querySelector(`figure[data-view="${view}"]`);
const rgb = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;

// ---- The set -------------------------------------------------------------------------------------------------

function drawHeader() {
  const splits = Object.entries(set.splits).map(([name, count]) => `${count} ${name}`).join(", ");
  document.title = `${set.name}: perspective portraits`;
  $("title").textContent = `Perspective portraits: ${set.name}`;
  $("summary").textContent =
    `${set.written} pairs of ${set.people} people (${splits}) at ${set.width} × ${set.height} px; ` +
    `recipe ${set.recipe}, seed ${set.seed}, version ${set.version}. Shown here: ${set.cards.length}.`;
  $("unfinished").hidden = set.written === set.expected;
  $("unfinished").textContent =
    `Unfinished set: ${set.written} of ${set.expected} pairs. Run the generating command again to go on.`;
  const head = element("tr", {}, ...["Asset", "Licence", "Credit", "Source"].map((t) => element("th", { textContent: t })));
  const rows = set.assets.map((asset) =>
    element("tr", {}, ...["id", "licence", "credit", "source"].map((f) => element("td", { textContent: asset[f] || "–" }))));
  $("about-body").append(element("table", {}, head, ...rows), tree("recipe", set.recipe_fields));
}

function drawGrid() {
  const buttons = set.cards.map(({ key, distance, thumbnail }, i) => {
    const image = element("img", { src: thumbnail, alt: "" });
    const label = element("span", { textContent: `${key} · ${distance}` });
    return element("button", { type: "button", onclick: () => show(i) }, image, label);
  });
  $("grid").append(...buttons);
}

// ---- One sample ----------------------------------------------------------------------------------------------

function show(index) {
  state.index = (index + set.cards.length) % set.cards.length;
  sample = parse(`sample-${state.index}`);
  state.point = null;
  planes = {};
  for (const view of VIEWS) buildFigure(view);
  readPlanes(sample);
  [...$("grid").children].forEach((button, i) => button.setAttribute("aria-current", i === state.index));
  $("grid").children[state.index].scrollIntoView({ block: "nearest", inline: "nearest" });
  $("position").textContent = `${state.index + 1} / ${set.cards.length}`;
  $("record-body").replaceChildren(...Object.entries(sample.record).map(([name, value]) => tree(name, value)));
  history.replaceState(null, "", `#${sample.key}`);
  draw();
}

function buildFigure(view) {
  const { height, width } = set;
  const made = sample.views[view];
  const picture = (kind, src) => (src ? [element("img", { className: kind, src, alt: "", draggable: false })] : []);
  const box = { viewBox: `0 0 ${width} ${height}` };
  const shown = element("div", { className: "shown" },
    element("img", { className: "base", alt: "", draggable: false }),
    ...picture("warp", made.warp), ...picture("cover", made.cover), shape("svg", { ...box, class: "landmarks" }));
  const frame = element("div", { className: "frame", tabIndex: 0 }, shown, shape("svg", { ...box, class: "marks" }));
  frame.setAttribute("role", "img");
  frame.addEventListener("keydown", (event) => moveByKey(event, view));
  frame.addEventListener("focus", () => { if (!state.point) point(view, width / 2, height / 2); });
  frame.addEventListener("pointermove", (event) => pointAt(event, view));
  frame.addEventListener("pointerdown", (event) => pointAt(event, view));
  figure(view).replaceChildren(frame, element("figcaption", { textContent: `${view}, ${sample.distance[view]}` }));
  drawLandmarks(view);
}

function drawLandmarks(view) {
  const { [`${view}_px`]: points = [], [`${view}_visible`]: visible = [] } = sample.record.landmarks || {};
  const radius = Math.max(set.width, set.height) / 170;
  const dots = points.map(([cx, cy], i) =>
    shape("circle", { cx, cy, r: radius, class: `landmark${visible[i] ? " visible" : ""}` }));
  figure(view).querySelector(".landmarks").replaceChildren(...dots);
}

function draw() {
  const warp = state.mode === "warp";
  $("stage").dataset.mode = state.mode;
  for (const input of document.querySelectorAll("#modes input, #layers input")) {
    input.checked = input.value === state.mode || input.value === state.layer;
  }
  $("layers").disabled = warp;
  $("play").hidden = !warp;
  $("play").textContent = state.playing ? "Pause" : "Play";
  $("landmarks").checked = state.landmarks;
  for (const view of VIEWS) drawFigure(view, warp ? "rgb" : state.layer);
  drawSplit();
  drawPoint();
  $("precision").textContent = readoutNote();
  $("legend").replaceChildren(...(warp ? warpLegend() : LEGENDS[state.layer]()), ...landmarkLegend());
}

function drawFigure(view, layer) {
  const frame = figure(view).querySelector(".frame");
  frame.querySelector(".base").src = sample.views[view][layer];
  frame.querySelector(".landmarks").style.display = state.landmarks ? "" : "none";
  frame.setAttribute("aria-label", `${LAYERS[layer]} of the ${view} view, ${sample.distance[view]}; arrows move a point`);
}

// ---- Legends -------------------------------------------------------------------------------------------------

const swatch = (color, text) => element("span", {}, Object.assign(element("i"), { style: `background:${rgb(color)}` }), text);
const text = (value) => element("span", { textContent: value });
const perView = (row) => [element("div", { className: "rows" }, ...VIEWS.map((view) =>
  element("div", {}, element("b", { textContent: view }), ...row(sample.views[view]))))];

const LEGENDS = {
  rgb: () => [text("sRGB colour. The eye plane keeps its scale; what lies before and behind it does not.")],
  flow: () => [
    element("img", { className: "wheel", src: set.wheel, alt: "Colour wheel: right is red, down yellow, left blue, up violet" }),
    text(`Where each point lies in the other view: hue is the direction, the rim is ${sample.flow_scale_px.toFixed(1)} px, ` +
      "longer ones look the same. Near shows near to far, far shows far to near."),
  ],
  masks: () => perView(({ mask_shares: shares }) => set.mask_classes.map(({ name, rgb: color }, i) =>
    swatch(color, `${name} ${percent(shares[i])}${i ? "" : " of the frame"}`))),
  depth: () => perView(({ depth_range_m: [least, most] }) => [
    text(`${least.toFixed(3)} m`), element("img", { className: "ramp", src: set.depth_ramp, alt: "near is light, far is dark" }),
    text(`${most.toFixed(3)} m along the optical axis`)]),
  normal: () => [text("Camera frame: red is to the right, green up, blue towards the camera.")],
  part: () => [...new Set(VIEWS.flatMap((view) => sample.views[view].parts))].sort((a, b) => a - b)
    .map((id) => swatch(set.parts[id].rgb, set.parts[id].name.replaceAll("_", " "))),
};

function warpLegend() {
  const words = ({ warp_difference: [moved, unmoved] }) => [text(
    `mean difference where visible: ${moved.toFixed(1)} of 255 levels; without the flow ${unmoved.toFixed(1)}`)];
  return [text("Each picture alternates with the other view fetched back along the flow. Only light should change, no edge " +
    "should move. Grey: not visible in the other view."), ...perView(words)];
}

function landmarkLegend() {
  return state.landmarks ? [text("Landmarks: filled green where visible, hollow orange where hidden.")] : [];
}

// ---- Divider -------------------------------------------------------------------------------------------------

function drawSplit() {
  $("stage").style.setProperty("--split", `${state.split}%`);
  $("divider").setAttribute("aria-valuenow", Math.round(state.split));
  $("divider").setAttribute("aria-valuetext", `${Math.round(state.split)} % near`);
}

function moveSplit(value) {
  state.split = Math.min(100, Math.max(0, value));
  drawSplit();
}

function bindDivider() {
  const divider = $("divider");
  const drag = (event) => {
    const { left, width } = $("stage").getBoundingClientRect();
    moveSplit((100 * (event.clientX - left)) / width);
  };
  divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
  divider.addEventListener("pointermove", (event) => { if (divider.hasPointerCapture(event.pointerId)) drag(event); });
  divider.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    moveSplit(state.split + steps[event.key]);
  });
}

// ---- Read-out ------------------------------------------------------------------------------------------------

// Undoes sample_view.readout: inflate, then add up the differences of each plane modulo 65536.
async function readPlanes(wanted) {
  for (const view of VIEWS) {
    const packed = wanted.views[view].readout;
    if (!packed) continue;
    const bytes = Uint8Array.from(atob(packed.data), (character) => character.charCodeAt(0));
    const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const values = new DataView(await new Response(inflated).arrayBuffer());
    if (wanted !== sample) return;
    planes[view] = sumPlanes(values, packed.rows * packed.columns);
  }
  drawPoint();
}

function sumPlanes(values, count) {
  return [0, 1, 2, 3].map((plane) => {
    const summed = new Uint16Array(count);
    for (let i = 0, last = 0; i < count; i++) {
      last = summed[i] = last + values.getUint16(2 * (plane * count + i), true);
    }
    return plane < 2 ? new Int16Array(summed.buffer) : summed;
  });
}

// What the set says of the pixel nearest to (x, y) on the read-out grid, all in pixels and metres.
function lookUp(view, x, y) {
  const { stride, rows, columns, flow_step_px, depth_step_m } = sample.views[view].readout;
  const row = Math.min(rows - 1, Math.max(0, Math.floor(y / stride)));
  const column = Math.min(columns - 1, Math.max(0, Math.floor(x / stride)));
  const [dx, dy, depth, label] = planes[view].map((plane) => plane[row * columns + column]);
  return {
    x: column * stride + 0.5, y: row * stride + 0.5, dx: dx * flow_step_px, dy: dy * flow_step_px,
    depth_m: depth * depth_step_m, part: label & 255, kind: label >> 8,
  };
}

function point(view, x, y) {
  state.point = { view, x: Math.min(set.width, Math.max(0, x)), y: Math.min(set.height, Math.max(0, y)) };
  drawPoint();
}

function pointAt(event, view) {
  $("readout").setAttribute("aria-live", "off");
  const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
  const [u, v] = [(event.clientX - left) / width, (event.clientY - top) / height];
  const far = state.mode === "slider" && 100 * u > state.split;
  point(far ? "far" : view, u * set.width, v * set.height);
}

function moveByKey(event, view) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (!(event.key in moves)) return;
  event.preventDefault();
  $("readout").setAttribute("aria-live", "polite");
  const stride = (sample.views[view].readout?.stride || 1) * (event.shiftKey ? 10 : 1);
  const from = state.point?.view === view ? state.point : { x: set.width / 2, y: set.height / 2 };
  point(view, from.x + moves[event.key][0] * stride, from.y + moves[event.key][1] * stride);
}

function readoutNote() {
  const { stride, flow_step_px } = sample.views.near.readout || {};
  return stride ? `Read-out for display: every ${stride} px, flow rounded to ${flow_step_px} px; the set holds exact values. ` : "";
}

function drawPoint() {
  for (const view of VIEWS) figure(view).querySelector(".marks").replaceChildren();
  const { view, x, y } = state.point || {};
  if (!view || !planes[view]) {
    $("readout").textContent = "Point at a picture to read flow, depth and part there, and to see the same point in the other view.";
    return;
  }
  const here = lookUp(view, x, y);
  const there = { x: here.x + here.dx, y: here.y + here.dy };
  mark(view, here.x, here.y, "");
  if (here.kind > 0) mark(OTHER[view], there.x, there.y, here.kind < 3 ? "hidden" : "");
  $("readout").textContent = pointText(view, here, there);
}

function pointText(view, here, there) {
  const at = `${view} (${here.x.toFixed(1)}, ${here.y.toFixed(1)})`;
  if (here.kind === 0) return `${at}: no surface`;
  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
  const known = set.mask_classes[here.kind];
  const parts = here.part ? `, ${set.parts[here.part].name.replaceAll("_", " ")}` : "";
  const depth = here.depth_m ? `, depth ${here.depth_m.toFixed(4)} m` : "";
  return `${at} → ${OTHER[view]} (${there.x.toFixed(1)}, ${there.y.toFixed(1)}): flow (${signed(here.dx)}, ${signed(here.dy)}) px` +
    `${depth}${parts}${known ? `; ${known.name}` : ""}`;
}

function mark(view, x, y, kind) {
  const r = Math.max(set.width, set.height) / 60;
  figure(view).querySelector(".marks").append(
    shape("circle", { cx: x, cy: y, r, class: `mark ${kind}` }),
    shape("path", { d: `M${x - 2 * r} ${y}h${r}M${x + r} ${y}h${r}M${x} ${y - 2 * r}v${r}M${x} ${y + r}v${r}`, class: `mark ${kind}` }));
}

// ---- Record --------------------------------------------------------------------------------------------------

// A JSON value as nested <details>. Children are made when a branch is first opened: a record has hundreds of numbers.
function tree(name, value) {
  const branch = value !== null && typeof value === "object";
  const line = JSON.stringify(value);
  if (!branch || line.length <= 90) {
    return element("div", { className: "leaf" }, element("b", { textContent: `${name}: ` }), line);
  }
  const size = Array.isArray(value) ? `${value.length} items` : `${Object.keys(value).length} fields`;
  const made = element("details", {}, element("summary", { textContent: `${name} (${size})` }));
  made.addEventListener("toggle", () => made.append(...Object.entries(value).map(([key, item]) => tree(key, item))), { once: true });
  return made;
}

// ---- Controls ------------------------------------------------------------------------------------------------

function choices(id, names, chosen, choose) {
  for (const [value, label] of Object.entries(names)) {
    const input = element("input", { type: "radio", name: id, value, checked: value === chosen, onchange: () => choose(value) });
    $(id).append(element("label", {}, input, label));
  }
}

const choose = (field) => (value) => { state[field] = value; draw(); };
const available = (names, has) => Object.fromEntries(Object.entries(names).filter(([name]) => has(name)));

function bindControls() {
  const { near, far } = parse("sample-0").views;
  const modes = available(MODES, (name) => name !== "warp" || (near.warp && far.warp));
  const layers = available(LAYERS, (name) => near[name] && far[name]);
  choices("modes", modes, state.mode, choose("mode"));
  choices("layers", layers, state.layer, choose("layer"));
  $("landmarks").onchange = (event) => choose("landmarks")(event.target.checked);
  $("play").onclick = () => choose("playing")(!state.playing);
  $("previous").onclick = () => show(state.index - 1);
  $("next").onclick = () => show(state.index + 1);
  const keys = {
    s: () => choose("mode")("slider"), b: () => choose("mode")("both"), w: () => modes.warp && choose("mode")("warp"),
    l: () => choose("landmarks")(!state.landmarks), p: () => show(state.index - 1), n: () => show(state.index + 1),
  };
  Object.keys(layers).forEach((name, i) => { keys[i + 1] = () => choose("layer")(name); });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey || event.altKey) && keys[event.key]) keys[event.key]();
  });
}

function flicker() {
  if (state.mode === "warp" && state.playing) $("stage").toggleAttribute("data-swapped");
}

function openFromAddress() {
  show(Math.max(0, set.cards.findIndex(({ key }) => `#${key}` === location.hash)));
}

state.playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
document.documentElement.style.setProperty("--aspect", `${set.width} / ${set.height}`);
drawHeader();
drawGrid();
bindControls();
bindDivider();
openFromAddress();
addEventListener("hashchange", openFromAddress);
setInterval(flicker, SWAP_MS);
