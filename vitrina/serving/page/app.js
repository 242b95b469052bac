"use strict";

// Everything that comes from the server is set as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const words = data.words;
const STEP = 24;

const byId = (id) => document.getElementById(id);
const [form, query, photoInput, by, filters, clear] =
  ["search", "query", "photo", "by", "filters", "clear"].map(byId);
const [grid, message, asked, more, login, drop, footer] =
  ["grid", "message", "asked", "more", "login", "drop", "footer"].map(byId);

let photo = null; // a File, which no address can hold
let photoAddress = "";
let like = "";
let shown = 0;
let latest = 0; // the number of the last question: answers to earlier ones are dropped

const say = (word, value) => words[word].replace("{}", value);

function tell(text, kind = "") {
  message.hidden = !text;
  message.textContent = text;
  message.className = kind;
}

// --- what is asked: kept in the address, but for a photo -----------------------------------

function selects() {
  return [...filters.querySelectorAll("select[data-column]")];
}

function conditions() {
  const wanted = new URLSearchParams();
  for (const select of selects()) {
    if (select.value) wanted.append("where", `${select.dataset.column}=${select.value}`);
  }
  return wanted;
}

function address() {
  const parameters = conditions();
  if (like) parameters.set("like", like);
  else if (query.value.trim() && !photo) parameters.set("q", query.value.trim());
  if (by.value !== "both") parameters.set("by", by.value);
  const text = parameters.toString();
  return text ? `/?${text}` : "/";
}

function readAddress() {
  const parameters = new URLSearchParams(location.search);
  setPhoto(null);
  like = parameters.get("like") || "";
  query.value = parameters.get("q") || "";
  by.value = ["image", "text"].includes(parameters.get("by")) ? parameters.get("by") : "both";
  const wanted = parameters.getAll("where");
  for (const select of selects()) {
    const start = `${select.dataset.column}=`;
    const found = wanted.find((one) => one.startsWith(start));
    select.value = found === undefined ? "" : found.slice(start.length);
    if (select.selectedIndex < 0) select.value = "";
  }
}

function setPhoto(file) {
  if (photoAddress) URL.revokeObjectURL(photoAddress);
  photo = file;
  photoAddress = file ? URL.createObjectURL(file) : "";
  photoInput.value = "";
}

function ask({ remember = true } = {}) {
  if (remember && address() !== location.pathname + location.search) {
    history.pushState(null, "", address());
  }
  shown = STEP;
  find();
}

// --- asking the server ---------------------------------------------------------------------

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error(words.offline);
  }
  if (response.status === 401) {
    showLogin();
    throw new Error("");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(refusal(response.status, options.body) || answer.detail || words.offline);
  }
  return answer;
}

// The reason in the page's language; the API itself answers in English.
function refusal(status, sentPhoto) {
  if (status === 422) return sentPhoto ? words.not_image : words.refused;
  return { 404: words.gone, 408: words.slow_upload, 503: words.no_run }[status];
}

async function find() {
  const number = ++latest;
  const parameters = conditions();
  parameters.set("by", by.value);
  parameters.set("top", Math.min(shown, data.maxTop));
  let answer = null;
  markFilters();
  try {
    grid.classList.add("busy");
    if (photo) answer = await request(`/search?${parameters}`, { method: "POST", body: photo });
    else if (like) answer = await request(`/similar/${encodeURIComponent(like)}?${parameters}`);
    else if (query.value.trim()) {
      parameters.set("q", query.value.trim());
      answer = await request(`/search?${parameters}`);
    } else {
      parameters.delete("by");
      answer = await request(`/listings?${parameters}`);
    }
    if (number === latest) show(answer);
  } catch (error) {
    if (number === latest) {
      show(null);
      tell(error.message, "large wrong");
    }
  } finally {
    if (number === latest) grid.classList.remove("busy");
  }
}

// --- showing the answer --------------------------------------------------------------------

function show(answer) {
  const listings = answer ? answer.listings : [];
  grid.replaceChildren(...listings.map(card));
  more.hidden = listings.length < shown || shown >= data.maxTop;
  showAsked(answer);
  if (answer && !listings.length) tell(words.nothing, "large");
  else tell(asksNothing() ? words.hint : "");
}

function asksNothing() {
  return !photo && !like && !query.value.trim();
}

function showAsked(answer) {
  asked.hidden = !answer || asksNothing();
  if (asked.hidden) return;
  const title = document.createElement("h1");
  const line = document.createElement("p");
  const text = document.createElement("div");
  text.append(title, line);
  const parts = [text];
  const picture = document.createElement("img");
  picture.alt = "";
  if (photo) {
    title.textContent = words.by_photo;
    picture.src = photoAddress;
  } else if (answer.like) {
    title.textContent = answer.like.title;
    line.textContent = words.like;
    picture.src = answer.like.image;
  } else {
    title.textContent = say("results", query.value.trim());
  }
  if (picture.src) parts.unshift(picture);
  if (photo) {
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = words.remove_photo;
    remove.addEventListener("click", () => {
      setPhoto(null);
      ask();
    });
    parts.push(remove);
  }
  asked.replaceChildren(...parts);
}

function card(listing) {
  const made = byId("card").content.firstElementChild.cloneNode(true);
  const image = made.querySelector("img");
  image.src = listing.image;
  image.addEventListener("error", () => image.replaceWith(words.no_image));
  made.querySelector(".name").textContent = listing.title;
  made.querySelector(".category").textContent = listing.category ?? "";
  const score = made.querySelector(".score");
  if (listing.score === null) score.remove();
  else score.textContent = listing.score.toFixed(2);
  made.addEventListener("click", () => {
    setPhoto(null);
    query.value = "";
    // The server's own path, so that ids beyond JavaScript's integers stay exact.
    like = decodeURIComponent(listing.similar.slice("/similar/".length));
    ask();
    scrollTo({ top: 0 });
  });
  return made;
}

// --- filters -------------------------------------------------------------------------------

async function loadFilters() {
  const found = await request("/filters");
  footer.textContent = say("listings", found.listings.toLocaleString(document.documentElement.lang));
  for (const select of selects()) select.closest("label").remove();
  for (const facet of found.facets) filters.insertBefore(filter(facet), clear);
}

function filter(facet) {
  const label = document.createElement("label");
  const select = document.createElement("select");
  select.dataset.column = facet.column;
  select.append(new Option(words.any, ""));
  for (const one of facet.values) select.append(new Option(`${one.value} (${one.count})`, one.value));
  select.addEventListener("change", () => ask());
  const name = facet.column === "category" ? words.category : facet.column;
  label.append(name, select);
  select.setAttribute("aria-label", name);
  return label;
}

function markFilters() {
  let any = by.value !== "both";
  for (const select of selects()) {
    select.closest("label").classList.toggle("set", Boolean(select.value));
    any ||= Boolean(select.value);
  }
  by.closest("label").classList.toggle("set", by.value !== "both");
  clear.hidden = !any;
}

// --- photos --------------------------------------------------------------------------------

function searchPhoto(file) {
  if (!file) return;
  if (!file.type.startsWith("image/")) return refuse(words.not_image);
  if (file.size > data.maxUpload) return refuse(say("too_large", data.maxUpload / 1e6));
  like = "";
  query.value = "";
  setPhoto(file);
  ask();
}

function refuse(text) {
  latest++;
  show(null);
  tell(text, "large wrong");
}

// --- a token -------------------------------------------------------------------------------

function showLogin() {
  login.hidden = false;
  show(null);
  tell("");
  byId("token").focus();
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ token: byId("token").value });
  const headers = { "content-type": "application/json" };
  const response = await fetch("/session", { method: "POST", body, headers }).catch(() => null);
  if (!response || !response.ok) return tell(response ? words.wrong_token : words.offline, "wrong");
  byId("token").value = "";
  login.hidden = true;
  start();
});

// --- events --------------------------------------------------------------------------------

form.addEventListener("submit", (event) => {
  event.preventDefault();
  setPhoto(null);
  like = "";
  ask();
});
photoInput.addEventListener("change", () => searchPhoto(photoInput.files[0]));
by.addEventListener("change", () => ask());
clear.addEventListener("click", () => {
  for (const select of selects()) select.value = "";
  by.value = "both";
  ask();
});
more.addEventListener("click", () => {
  shown += STEP;
  find();
});
addEventListener("popstate", () => {
  readAddress();
  ask({ remember: false });
});
addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) searchPhoto(event.clipboardData.files[0]);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.hidden = true;
});
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.hidden = true;
  searchPhoto(event.dataTransfer.files[0]);
});
byId("language").addEventListener("click", (event) => {
  event.preventDefault();
  document.cookie = `lang=${words.other_lang}; path=/; max-age=31536000; samesite=strict`;
  location.reload();
});

async function start() {
  try {
    await loadFilters();
  } catch (error) {
    if (error.message) tell(error.message, "large wrong");
    return;
  }
  readAddress();
  ask({ remember: false });
}

start();
