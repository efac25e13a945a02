"use strict";

// Everything is in the page already. The script shows one suite and one metric at a time, sorts, and hides curves.

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const suites = all(".suite");

// ---- One suite, one metric -----------------------------------------------------------------------------------

function showSuite(index) {
  suites.forEach((suite, i) => suite.classList.toggle("current", i === index));
  document.getElementById("suite").value = index;
}

function showMetric(suite, metric) {
  for (const panel of all(".metric", suite)) panel.open = panel.dataset.metric === metric;
  suite.querySelector(".choose-metric").value = metric;
}

function remember() {
  const suite = suites.findIndex((one) => one.classList.contains("current"));
  const metric = suites[suite].querySelector(".choose-metric").value;
  history.replaceState(null, "", `#${suite}/${encodeURIComponent(metric)}`);
}

function openFromAddress() {
  const [suite, metric = ""] = location.hash.slice(1).split("/");
  const index = suites[Number(suite)] ? Number(suite) : 0;
  showSuite(index);
  const wanted = decoded(metric);
  if (all(".metric", suites[index]).some((panel) => panel.dataset.metric === wanted)) showMetric(suites[index], wanted);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function bindChoices() {
  for (const controls of all(".controls")) controls.hidden = false;
  document.getElementById("suite").onchange = (event) => { showSuite(Number(event.target.value)); remember(); };
  for (const suite of suites) {
    const select = suite.querySelector(".choose-metric");
    if (!select.options.length) select.closest(".controls").hidden = true;
    else showMetric(suite, select.value);
    select.onchange = () => { showMetric(suite, select.value); remember(); };
  }
}

// ---- Sorting -------------------------------------------------------------------------------------------------

function bindSorting() {
  for (const head of all("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.onclick = () => sort(head);
    head.append(button);
  }
}

// The first click puts the best first, the next the worst. Rows without a value stay last, and oracles among themselves.
function sort(head) {
  const table = head.closest("table");
  const column = [...head.parentElement.children].indexOf(head);
  const bestDown = head.dataset.sort === "falling";
  const sorted = head.getAttribute("aria-sort");
  const down = sorted ? sorted === "ascending" : bestDown;
  for (const other of all("th[aria-sort]", table)) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("divide"));
    body.append(...ordered(rows, column, down, head.dataset.sort === "text"));
  }
}

function ordered(rows, column, down, text) {
  const value = (row) => row.cells[column].dataset.value;
  const there = rows.filter((row) => value(row) !== undefined);
  const compare = (a, b) => (text ? a.localeCompare(b) : difference(Number(a), Number(b)));
  there.sort((a, b) => (down ? -1 : 1) * compare(value(a), value(b)));
  return [...there, ...rows.filter((row) => value(row) === undefined)];
}

// Infinity minus itself is no number.
const difference = (a, b) => (a === b ? 0 : a - b);

// ---- Curves --------------------------------------------------------------------------------------------------

function bindCurves() {
  for (const box of all(".ranking input")) {
    box.hidden = false;
    box.checked = true;
    box.onchange = () => showCurve(box.dataset.style, box.checked);
  }
}

function showCurve(style, shown) {
  for (const box of all(`.ranking input[data-style="${style}"]`)) box.checked = shown;
  for (const curve of all(`.chart .series[data-style="${style}"]`)) curve.classList.toggle("off", !shown);
  for (const pictures of all(`.shown[data-style="${style}"]`)) pictures.hidden = !shown;
}

if (suites.length) {
  document.body.classList.add("scripted");
  bindChoices();
  bindSorting();
  bindCurves();
  openFromAddress();
  addEventListener("hashchange", openFromAddress);
}
