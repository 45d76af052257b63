// Line numbers follow what is typed, and a text that is too long is not sent. Without this script
// the page works, and shows the numbers of the text that it was loaded with.
"use strict";

const MAX_BYTES = 1000000;
const text = document.querySelector(".editor textarea");
const numbers = document.querySelector(".editor .lines");
const notes = document.querySelector(".editor .notes");
let before = text ? text.value.split("\n") : [];

function follow() {
  const now = text.value.split("\n");
  const shorter = Math.min(now.length, before.length);
  let start = 0;
  while (start < shorter && now[start] === before[start]) start += 1;
  let end = 0;
  while (end < shorter - start && now[now.length - 1 - end] === before[before.length - 1 - end]) end += 1;
  // A changed line keeps its mark and its note. Lines are added or removed below the first of them.
  const at = Math.min(start + 1, before.length - end, now.length - end);
  for (const column of [numbers, notes]) {
    if (!column) continue;
    for (let i = now.length; i < before.length; i += 1) column.children[at].remove();
    for (let i = before.length; i < now.length; i += 1) {
      column.insertBefore(document.createElement("div"), column.children[at] ?? null);
    }
  }
  if (now.length !== before.length) {
    for (let i = at; i < now.length; i += 1) numbers.children[i].textContent = i + 1;
    text.rows = now.length + 2;
    if (notes) room(now.length);
  }
  before = now;
  const bytes = new TextEncoder().encode(text.value).length;
  text.setCustomValidity(bytes > MAX_BYTES ? `The text has ${bytes} bytes. At most ${MAX_BYTES} can be stored.` : "");
}

// A note covers the lines below it that have none.
function room(lines) {
  let next = lines + 6;
  for (let i = lines - 1; i >= 0; i -= 1) {
    const note = notes.children[i];
    if (!note.firstElementChild) continue;
    note.className = `room-${Math.min(next - i, 6)}`;
    const label = note.querySelectorAll(".sr");
    label.forEach((label) => { label.textContent = `Line ${i + 1}: `; });
    next = i;
  }
}

text?.addEventListener("input", follow);
