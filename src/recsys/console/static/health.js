// Health, live: how long ago it was read, what changed is said aloud once, and a page that did not change is left alone.
(function () {
  "use strict";
  const LATE_S = 20; // after a newer reading could be there: the logs may have grown meanwhile
  const place = document.getElementById("health");
  const line = document.querySelector("[data-read]");
  const said = document.getElementById("said");
  let readAt = 0;
  let dueAt = 0;
  let problem = "";
  let was = "";

  function secondsIn(text, name) {
    const found = new RegExp("data-" + name + '="([\\d.]+)"').exec(text);
    return found ? Number(found[1]) : 0;
  }

  function note(text) {
    readAt = performance.now() - 1000 * secondsIn(text, "age");
    dueAt = performance.now() + 1000 * secondsIn(text, "next");
  }

  function without(text) {
    return text.replace(/data-(age|next)="[\d.]+"/g, "");
  }

  function tell() {
    const age = Math.max(0, Math.round((performance.now() - readAt) / 1000));
    const late = problem || performance.now() > dueAt + 1000 * LATE_S;
    line.textContent = late
      ? "Not read for " + age + " s: " + (problem || "no answer yet") + ". What you see may be over."
      : "Read " + age + " s ago.";
    line.classList.toggle("late", Boolean(late));
    place.toggleAttribute("data-late", Boolean(late));
    if (late && !was) said.textContent = "This page cannot be read anew.";
    was = late;
  }

  function advice() {
    return document.getElementById("advice").textContent.trim();
  }

  note(place.innerHTML);
  let last = without(place.innerHTML);
  let advised = advice();
  place.addEventListener("htmx:beforeSwap", function (event) {
    const answer = event.detail.xhr;
    if (answer.status !== 200) {
      event.detail.shouldSwap = false;
      problem = "the console answers " + answer.status;
      return tell();
    }
    problem = "";
    note(answer.responseText);
    const now = without(answer.responseText);
    if (now === last) event.detail.shouldSwap = false;
    last = now;
    tell();
  });
  place.addEventListener("htmx:sendError", function () {
    problem = "the console does not answer";
    tell();
  });
  place.addEventListener("htmx:afterSettle", function () {
    if (advice() !== advised) said.textContent = advised = advice();
  });
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden) htmx.trigger(place, "again");
  });
  document.querySelector("[data-read-again]").addEventListener("click", function (event) {
    event.preventDefault();
    htmx.trigger(place, "again");
  });
  setInterval(tell, 1000);
  tell();
})();
