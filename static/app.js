// What htmx does not do: ticks, focus, announcements, the reader's own time. Every page works without this.

const status = document.getElementById("status");
const alertRegion = document.getElementById("alert");

// Announcements. The regions are in the page from the start and never swapped; only their text changes.

function announce(text) {
  if (!text) return;
  // The same words again are news only to whoever asked again: a change of text is what gets read out.
  status.textContent = status.textContent === text ? `${text}\u00a0` : text;
}

function complain(text) {
  alertRegion.textContent = "";
  alertRegion.append(Object.assign(document.createElement("p"), { textContent: text }));
}

// What to do when the page that a button leads to has come; kept for one page only.
const promise = {
  make: (what) => sessionStorage.setItem("next", what),
  keep: () => {
    const what = sessionStorage.getItem("next");
    sessionStorage.removeItem("next");
    return what;
  },
};

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

function announceSelection() {
  const count = document.getElementById("bulk-count");
  if (count) announce(`Selected: ${Number(count.dataset.selected).toLocaleString("en")}`);
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

// A menu closes as people expect: with Escape, which goes back to its name, and when something else is pressed.

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
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

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copies);
  field.select();
  // Not there where the page came over plain http: then it is selected, and people copy it themselves.
  await navigator.clipboard?.writeText(field.value);
  if (navigator.clipboard) announce("Copied.");
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.id === "selection" && (button?.name === "all" || button?.value === "clear")) promise.make("selection");
});

// Requests: what waits says so, what fails says so, and the focus stays where it was.

let focused = "";
let pointed = false;

document.addEventListener("click", (event) => {
  pointed = event.detail > 0 && event.target.closest(".pages a") !== null;
});
document.addEventListener("htmx:config:request", (event) => {
  // An address is for reading and sending on: what is not filtered by is not in it.
  const { method, body } = event.detail.ctx.request;
  if (method === "GET" && body instanceof FormData) for (const [name, value] of [...body]) if (value === "") body.delete(name);
});
document.addEventListener("htmx:before:request", (event) => {
  focused = document.activeElement?.id ?? "";
  event.detail.ctx.target?.setAttribute?.("aria-busy", "true");
  // A finished job's page is loaded anew; what became of it is said there.
  if (event.detail.ctx.target?.id === "progress") promise.make(`receipt of ${location.pathname}`);
});
document.addEventListener("htmx:finally:request", (event) => event.detail.ctx.target?.removeAttribute?.("aria-busy"));
document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx.response.status < 400) return;
  // An error's page has no place in a part of this one, nor its address in the address bar.
  event.preventDefault();
  complain("Roster could not answer that, so the page may be out of date. Reload it, or try again.");
});
document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx.target?.id;
  const fresh = target && document.getElementById(target);
  alertRegion.textContent = "";
  mirrorHeader();
  followFilter();
  localTimes();
  if (target === "tableline") announceSelection();
  else if (target !== "progress" || status.textContent.trim() !== fresh?.dataset.announce) announce(fresh?.dataset.announce);
  if (focused && document.activeElement === document.body) {
    // The last page has no Next: its own number is beside where that was. Where something was removed, the answer says
    // what comes next.
    const place = document.getElementById(focused) ?? fresh?.querySelector("[data-next], .pages [aria-current]");
    place?.focus({ preventScroll: true });
  }
  if (pointed && target === "list") fresh.scrollIntoView();
  pointed = false;
});
document.addEventListener("htmx:error", () => complain("Roster could not be reached, so the page may be out of date. Reload it, or try again."));

// A draft travels with its form, so a press that comes before the answer to the last one waits for it, Review's too.
// If that one failed, it is said, and what waited is not done.

let waiting = [];
const hold = (event) => {
  const button = event.target.closest("[data-draft]:has([aria-busy]) button");
  if (!button) return;
  event.preventDefault();
  event.stopPropagation();
  waiting.push(button);
};
document.addEventListener("click", hold, { capture: true });
document.addEventListener("htmx:finally:request", (event) => {
  const { request, response } = event.detail.ctx;
  if (!request.form?.matches("[data-draft]")) return;
  if (!(response?.status < 400)) waiting = [];
  setTimeout(() => {
    // What a button stood for may be gone from the draft by now, and the button with it.
    waiting = waiting.filter((button) => button.isConnected);
    waiting.shift()?.click();
  });
});

// What stands outside the list goes where the list has gone: Export and Refresh keep the filter.

function followFilter() {
  for (const follower of document.querySelectorAll("[data-follows]")) {
    const name = follower instanceof HTMLFormElement ? "action" : "href";
    const address = new URL(follower.getAttribute(name), location.href);
    address.search = location.search;
    follower.setAttribute(name, address.pathname + address.search);
  }
}

// Times are written in UTC and shown in the reader's zone; pointing at one shows UTC.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

function localTimes() {
  for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    if (zone === "UTC" || Number.isNaN(at.valueOf())) continue;
    const parts = { hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
    if ("seconds" in time.dataset) parts.second = "2-digit";
    if (!("clock" in time.dataset)) Object.assign(parts, { day: "numeric", month: "short", year: "numeric" });
    time.title = time.textContent.replace(/\s+/g, " ");
    time.textContent = new Intl.DateTimeFormat("en-GB", parts).format(at).replace(",", "");
  }
}

function nameZone() {
  const said = document.getElementById("zone");
  if (zone !== "UTC" && said) said.textContent = `Times are those of ${zone.replaceAll("_", " ")}; point at one to see UTC.`;
}

// A page that comes with a problem begins there, others where the browser puts them.

mirrorHeader();
localTimes();
nameZone();
followFilter();
document.querySelector("[data-focus]")?.focus();
// A region that arrives together with its text is often not read out.
const onceRead = (say) => setTimeout(say, 300);
switch (promise.keep()) {
  case "selection":
    (document.querySelector("#bulk-count:not([data-selected='0'])")?.closest("#bulk") ?? document.getElementById("tick-all"))?.focus();
    onceRead(announceSelection);
    break;
  case `receipt of ${location.pathname}`:
    document.getElementById("title")?.focus();
    onceRead(() => announce(document.getElementById("progress")?.dataset.announce));
}
