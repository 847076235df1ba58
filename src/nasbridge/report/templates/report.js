"use strict";

// Charts: data and layout come from Python, colours from the page, which may be light or dark.

const charts = JSON.parse(document.getElementById("charts").textContent);
const config = {
  responsive: true,
  displaylogo: false,
  doubleClick: "reset+autosize",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
};

function template() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const line = color("line");
  const title = { font: { size: 13 } };
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, title };
  return {
    layout: {
      font: { family: style.fontFamily, size: 13, color: color("muted") },
      paper_bgcolor: "transparent",
      plot_bgcolor: "transparent",
      hoverlabel: { align: "left", bgcolor: color("card"), font: { color: color("ink") } },
      modebar: { color: color("muted"), activecolor: color("ink"), bgcolor: "transparent" },
      // A finger scrolls the page, it does not zoom a chart.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      xaxis: axis,
      yaxis: axis,
    },
  };
}

function draw() {
  for (const [name, { data, layout }] of Object.entries(charts)) {
    Plotly.react(name, data, { ...layout, template: template() }, config);
  }
}

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

// The table: a click on a heading sorts by it, another click the other way; gaps stay last.

function compare(one, other) {
  const [a, b] = [Number(one), Number(other)];
  return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
}

function sort(table, heading) {
  const way = heading.ariaSort === "ascending" ? -1 : 1;
  const value = (row) => row.cells[heading.cellIndex].dataset.value;
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    return x === "" || y === "" ? (x === "") - (y === "") : way * compare(x, y);
  });
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
  table.tBodies[0].append(...rows);
}

for (const button of document.querySelectorAll(".sortable thead button")) {
  button.addEventListener("click", () => sort(button.closest("table"), button.closest("th")));
}

document.getElementById("all")?.addEventListener("click", (event) => {
  document.querySelector(".sortable").classList.remove("short");
  event.target.remove();
});

// Pictures: a click shows one in its full size.

const dialog = document.querySelector("dialog");
for (const button of document.querySelectorAll(".pictures button")) {
  button.addEventListener("click", () => {
    dialog.querySelector("div").replaceChildren(button.querySelector("svg").cloneNode(true));
    dialog.showModal();
  });
}
dialog?.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
