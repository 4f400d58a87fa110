// A session that nobody uses ends. Whoever still sits here is told five minutes before, and stays by one press.

const region = document.getElementById("ending");
const WARN_S = 300;
let timer = 0;
let touched = 0;

function wait(endsInS) {
  clearTimeout(timer);
  region.replaceChildren();
  timer = setTimeout(warn, Math.max(0, endsInS - WARN_S) * 1000);
}

function warn() {
  const { again } = region.dataset;
  const text = document.createElement("p");
  const why = again ? "Your session ends, as every one does after some hours" : "Nobody has used this page for a while";
  text.textContent = `${why}: you will be signed out in about 5 minutes. `;
  const stay = document.createElement(again ? "a" : "button");
  if (again) stay.href = again;
  else stay.type = "button";
  stay.textContent = again ? "Sign in again" : "Stay signed in";
  stay.className = again ? "" : "plain";
  stay.addEventListener("click", again ? () => {} : goOn);
  text.append(stay);
  region.append(text);
}

async function goOn() {
  // Any page will do: asking for one is using the session.
  const answer = await fetch(region.dataset.page, { redirect: "manual" }).catch(() => null);
  if (answer?.ok) wait(Number(region.dataset.endsS));
  else location.reload();
}

if (region) {
  wait(Number(region.dataset.endsS));
  for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, () => (touched = Date.now()));
  document.addEventListener("htmx:before:request", () => {
    // A page that asks by itself uses nothing; somebody who filters or ticks does.
    if (!region.dataset.again && Date.now() - touched < 2000) wait(Number(region.dataset.endsS));
  });
}
