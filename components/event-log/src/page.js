"use strict";
// Adds what comes in to the list that the page came with. Everything from an event is set as text, never as HTML.
const list = document.getElementById("events");
const state = document.getElementById("state");
const shown = 200;

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function row({ number, topic, subscription, event, ...rest }) {
  const summary = element("summary", null,
    element("span", `#${number}`),
    element("b", event.type),
    element("span", event.subject ?? ""),
    element("span", topic),
    element("span", event.time ?? ""));
  const whole = JSON.stringify({ number, topic, subscription, ...rest, event }, null, 2);
  return element("li", null, element("details", null, summary, element("pre", whole)));
}

const source = new EventSource(`events?after=${list.dataset.newest}`);
source.onopen = () => { state.textContent = "live, newest first"; };
source.onerror = () => { state.textContent = "connecting …"; };
source.onmessage = (message) => {
  list.prepend(row(JSON.parse(message.data)));
  while (list.children.length > shown) list.lastElementChild.remove();
};
