// The doctor takes seconds: they are counted, and what it found is where the reader goes on.
(function () {
  "use strict";
  const place = document.getElementById("found");
  if (!place) return;
  const waiting = place.innerHTML;
  let began = Date.now();

  setInterval(function () {
    const counted = place.querySelector("[data-elapsed]");
    if (counted) counted.textContent = Math.round((Date.now() - began) / 1000) + " s";
  }, 1000);

  place.addEventListener("htmx:afterSettle", function () {
    place.setAttribute("aria-busy", "false");
    const result = document.getElementById("result");
    if (result) result.focus();
  });
  place.addEventListener("htmx:sendError", function () {
    place.setAttribute("aria-busy", "false");
    place.querySelector(".reading").textContent = "The console does not answer. Is the service running? Reload this page to try again.";
  });
  place.addEventListener("click", function (event) {
    if (!event.target.closest("[data-look-again]")) return;
    began = Date.now();
    place.innerHTML = waiting;
    place.setAttribute("aria-busy", "true");
    htmx.trigger(place, "again");
  });
})();
