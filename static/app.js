// What htmx does not do: ticks, focus, announcements, the reader's own time. Every page works without this.

const status = document.getElementById("status");
const alertRegion = document.getElementById("alert");

// Announcements. The regions are in the page from the start and never swapped; only their text changes.

let announced = "";
function announce(text) {
  if (text && text !== announced) {
    announced = text;
    status.textContent = text;
  }
}

function complain(text) {
  alertRegion.textContent = "";
  alertRegion.append(Object.assign(document.createElement("p"), { textContent: text }));
}

// Ticks: the header's box mirrors the page's, and the server hears of every change at once.

const ticks = () => [...document.querySelectorAll("#selection input[name=member]")];
let lastTicked = null;

function mirrorHeader() {
  const header = document.getElementById("tick-all");
  if (!header) return;
  const number = ticks().filter((tick) => tick.checked).length;
  header.checked = number > 0 && number === ticks().length;
  header.indeterminate = number > 0 && !header.checked;
}

document.addEventListener("click", (event) => {
  const tick = event.target;
  if (!(tick instanceof HTMLInputElement) || tick.name !== "member") return;
  const all = ticks();
  if (event.shiftKey && lastTicked && all.includes(lastTicked)) {
    const [from, to] = [all.indexOf(lastTicked), all.indexOf(tick)].sort((a, b) => a - b);
    for (const other of all.slice(from, to + 1)) other.checked = tick.checked;
  }
  lastTicked = tick;
});

document.addEventListener("change", (event) => {
  const control = event.target;
  if (control.closest("form[data-submits-itself]")) {
    control.form.requestSubmit();
    return;
  }
  if (control.id === "tick-all") for (const tick of ticks()) tick.checked = control.checked;
  if (control.id === "tick-all" || control.name === "member") {
    mirrorHeader();
    control.form.dispatchEvent(new CustomEvent("ticked"));
  }
});

// After a swap: restore what the swap can't know, say what changed.

document.addEventListener("htmx:before:request", (event) => event.detail.ctx.target?.setAttribute?.("aria-busy", "true"));
document.addEventListener("htmx:finally:request", (event) => event.detail.ctx.target?.removeAttribute?.("aria-busy"));
document.addEventListener("htmx:after:swap", (event) => {
  alertRegion.textContent = "";
  mirrorHeader();
  localTimes();
  const target = event.detail.ctx.target?.id;
  const fresh = target && document.getElementById(target);
  if (target === "tableline") announce(document.getElementById("bulk-count")?.textContent.trim());
  else announce(fresh?.dataset.announce);
  const exported = document.getElementById("export");
  if (target === "list" && exported) exported.search = location.search;
});
document.addEventListener("htmx:error", () => complain("Roster could not be reached, so the page may be out of date. Reload it, or try again."));

// A page that comes with a problem begins there, others where the browser puts them.

document.querySelector("[data-focus]")?.focus();

// Times are written in UTC; pointing at one shows the reader's own.

function localTimes() {
  for (const time of document.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf())) continue;
    time.dataset.local = "";
    time.title = `${at.toLocaleString([], { dateStyle: "full", timeStyle: "long" })} (your time)`;
  }
}

mirrorHeader();
localTimes();
