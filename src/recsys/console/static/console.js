// What every page shares. There is nothing here without which a page does not work.
(function () {
  "use strict";
  const root = document.documentElement;
  const kept = localStorage.getItem("recsys-theme");
  if (kept) root.dataset.theme = kept;

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  document.addEventListener("click", function (event) {
    const pressed = event.target.closest("[data-theme-switch], [data-back], [data-copy]");
    if (!pressed) return;
    if (pressed.matches("[data-back]")) history.back();
    if (pressed.matches("[data-theme-switch]")) {
      root.dataset.theme = isDark() ? "light" : "dark";
      localStorage.setItem("recsys-theme", root.dataset.theme);
      document.dispatchEvent(new Event("recsys:theme"));
    }
    if (pressed.matches("[data-copy]")) copy(pressed);
  });

  // data-copy is the selector of what is copied; the clipboard is there on loopback and with TLS.
  function copy(button) {
    const text = document.querySelector(button.dataset.copy).textContent.trim();
    const said = button.textContent;
    const tell = function (word) {
      button.textContent = word;
      setTimeout(function () { button.textContent = said; }, 1500);
    };
    if (!navigator.clipboard) return tell("Select it and copy");
    navigator.clipboard.writeText(text).then(function () { tell("Copied"); }, function () { tell("Select it and copy"); });
  }

  // A menu closes when one goes on elsewhere, with the mouse or the keyboard, and with Escape.
  function eachMenu(then) { document.querySelectorAll("details.who[open]").forEach(then); }
  function closeBut(place) { eachMenu(function (menu) { if (!menu.contains(place)) menu.open = false; }); }
  document.addEventListener("click", function (event) { closeBut(event.target); });
  document.addEventListener("focusin", function (event) { closeBut(event.target); });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    eachMenu(function (menu) { menu.open = false; menu.querySelector("summary").focus(); });
  });

  // A form that changes something is sent once, however often the button is pressed.
  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.querySelectorAll("button").forEach(function (button) { button.setAttribute("aria-busy", "true"); });
  });
  addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });

  // What asks again and again rests while nobody looks.
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (document.hidden && (event.detail.elt.getAttribute("hx-trigger") || "").includes("every")) event.preventDefault();
  });
})();
