// Tables sort by a click on (or Enter at) a heading; links open the folded table they point into.
for (const head of document.querySelectorAll("th")) {
  const sort = () => {
    const table = head.closest("table"), body = table.tBodies[0], column = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numeric = head.classList.contains("number");
    const text = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    // What is no number, such as a dash, goes to the end.
    const number = row => { const value = parseFloat(text(row)); return Number.isNaN(value) ? Infinity : value; };
    const order = (a, b) => numeric ? number(a) - number(b) || 0 : text(a).localeCompare(text(b));
    body.append(...[...body.rows].sort((a, b) => down ? order(b, a) : order(a, b)));
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
}
const open = () => document.getElementById(location.hash.slice(1))?.closest("details")?.setAttribute("open", "");
addEventListener("hashchange", () => { open(); document.getElementById(location.hash.slice(1))?.scrollIntoView(); });
open();
