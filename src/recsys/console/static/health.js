// Health, live: how long ago it was read, what changed is said aloud once, and a page that did not change is left alone.
(function () {
  "use strict";
  const LATE_S = 20;
  const place = document.getElementById("health");
  const line = document.querySelector("[data-read]");
  const said = document.getElementById("said");
  let readAt = performance.now() - 1000 * ageOf(place.innerHTML);
  let problem = "";
  let was = "";

  function ageOf(text) {
    const found = /data-age="([\d.]+)"/.exec(text);
    return found ? Number(found[1]) : 0;
  }

  function without(text) {
    return text.replace(/data-age="[\d.]+"/, "");
  }

  function tell() {
    const age = Math.max(0, Math.round((performance.now() - readAt) / 1000));
    const late = problem || age > LATE_S;
    line.textContent = late
      ? "Not read for " + age + " s: " + (problem || "no answer yet") + ". What you see may be over."
      : "Read " + age + " s ago.";
    line.classList.toggle("late", Boolean(late));
    if (late && !was) said.textContent = "This page cannot be read anew.";
    was = late;
  }

  function advice() {
    return document.getElementById("advice").textContent.trim();
  }

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
    readAt = performance.now() - 1000 * ageOf(answer.responseText);
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
