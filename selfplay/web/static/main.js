// Which page is shown: #/play, #/runs/NAME,NAME and #/games/FILE/NUMBER, each in a module of its own.

import { GONE, get, served } from "./api.js";
import { h, icon } from "./dom.js";

const PAGES = {
  play: () => import("./play.js"),
  ...(served && { runs: () => import("./runs.js"), games: () => import("./games.js") }),
};
const THEMES = ["auto", "light", "dark"];
const THEME_ICONS = {
  auto: "M12 3a9 9 0 1 0 0 18V3z M12 3a9 9 0 0 1 0 18",
  light:
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
};

const page = document.getElementById("page");
document.querySelector("nav").hidden = !served; // there is one page then
const SOON = 150; // milliseconds after which it says that something is on its way
const EVERY = 4000; // between two looks whether the server is back
let leave = null;
let shown = 0;

async function show() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [, name = "play", ...rest] = path.split("/");
  const known = Object.hasOwn(PAGES, name) ? name : "play";
  const turn = ++shown;
  leave?.();
  leave = null;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === known) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${known[0].toUpperCase()}${known.slice(1)} · selfplay`;
  const room = h("div", { class: "room" }); // what comes late for another page writes where nobody looks
  page.replaceChildren(room);
  const patience = setTimeout(() => {
    if (!room.hasChildNodes()) room.append(h("p", { class: "notice loading", role: "status" }, "Loading…"));
  }, SOON);
  try {
    const module = await PAGES[known]().catch(() => {
      throw new Error(GONE); // of a module the browser says in its own words that it did not come
    });
    const left = await module.open(room, new URLSearchParams(query), { path: rest.map(decodeURIComponent) });
    if (turn === shown) leave = left;
    else left?.();
  } catch (error) {
    room.replaceChildren(
      h(
        "div",
        { class: "notice", role: "alert" },
        h("h1", {}, "That did not work"),
        h("p", {}, error.message),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", class: "button", onclick: () => location.reload() }, "Try again"),
          h("a", { class: "button", href: "#/play" }, "To the board"),
        ),
      ),
    );
  } finally {
    clearTimeout(patience);
  }
}

function theme(name) {
  const known = THEMES.includes(name) ? name : "auto";
  if (known === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = known;
  const button = document.getElementById("theme");
  button.replaceChildren(icon(THEME_ICONS[known]));
  button.setAttribute("aria-label", `Colours: ${known}. Change`);
  button.title = `Colours: ${known}`;
  return known;
}

let chosen = theme(localStorage.getItem("theme"));
document.getElementById("theme").addEventListener("click", () => {
  chosen = theme(THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length]);
  localStorage.setItem("theme", chosen);
});
window.addEventListener("otherversion", () => {
  const reload = h("button", { type: "button", class: "button", onclick: () => location.reload() }, "Reload the page");
  const words = "The server is another version than this page, which may no longer fit. ";
  document.querySelector("header").after(h("div", { class: "version", role: "alert" }, h("p", {}, words), reload));
});
const gone = h("div", { class: "version gone", role: "alert", hidden: true }, h("p", {}, `${GONE} What stands here is from before.`));
document.querySelector("header").after(gone);
let looking = 0;
window.addEventListener("servergone", () => {
  gone.hidden = false;
  looking = setInterval(() => get("/api/games").catch(() => {}), EVERY);
});
window.addEventListener("serverback", () => {
  gone.hidden = true;
  clearInterval(looking);
});
window.addEventListener("hashchange", show);
show();
