"use strict";

// New notes come as server-sent events; the browser reconnects by itself.
const board = document.getElementById("board");
const events = new EventSource("/events");

function pin(note) {
  if (board.querySelector(`[data-id="${note.id}"]`)) return;
  const article = document.createElement("article");
  article.className = `note new tint-${note.id % 4}`;
  article.dataset.id = note.id;
  if (note.picture) {
    const picture = article.appendChild(document.createElement("img"));
    picture.src = `/pictures/${encodeURIComponent(note.picture)}`;
    picture.alt = "";
  }
  article.appendChild(document.createElement("p")).textContent = note.text;
  const footer = article.appendChild(document.createElement("footer"));
  footer.appendChild(document.createElement("b")).textContent = note.author;
  footer.appendChild(document.createElement("time")).dateTime = note.pinned_at;
  tell(footer.lastChild);
  board.querySelector(".empty")?.remove();
  board.prepend(article);
}

// The server writes UTC; people read their own time.
function tell(time) {
  time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

document.querySelectorAll("time").forEach(tell);
// Changes are made in the order of the events. One that comes while the notes are fetched waits for them: what was
// fetched may be older than it.
let changes = Promise.resolve();

function inTurn(change) {
  return (event) => {
    changes = changes.then(() => change(event)).catch(console.error);
  };
}

events.addEventListener("note", inTurn((event) => pin(JSON.parse(event.data))));
events.addEventListener("removed", inTurn((event) => {
  board.querySelector(`[data-id="${JSON.parse(event.data).id}"]`)?.remove();
}));

// Whenever the stream opens, at first or again, catch up with what happened before it did.
events.addEventListener("open", inTurn(async () => {
  const notes = await (await fetch("/api/notes")).json();
  const ids = new Set(notes.map((note) => String(note.id)));
  board.querySelectorAll(".note").forEach((note) => ids.has(note.dataset.id) || note.remove());
  notes.reverse().forEach(pin);
}));

// The chat is a WebSocket under the name in the form.
const said = document.getElementById("said");
const say = document.getElementById("say");
const name = document.querySelector("input[name=author]").value || "somebody";
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
let socket;

function connect(wait) {
  socket = new WebSocket(`${scheme}//${location.host}/chat?name=${encodeURIComponent(name)}`);
  socket.onopen = () => { wait = 500; };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    const line = said.appendChild(document.createElement("li"));
    if (message.who) line.appendChild(document.createElement("b")).textContent = `${message.who}: `;
    else line.className = "news";
    line.append(message.text);
    said.scrollTop = said.scrollHeight;
    document.getElementById("here").textContent = `${message.here} here`;
  };
  socket.onclose = () => setTimeout(connect, wait, Math.min(wait * 2, 10000));
}

connect(500);

say.addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState === WebSocket.OPEN && say.text.value.trim()) {
    socket.send(say.text.value);
    say.text.value = "";
  }
});
