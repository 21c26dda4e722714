// Line numbers beside a text, and the way to a line. Without it the text is edited all the same.
(function () {
  "use strict";
  const text = document.getElementById("text");
  const lines = document.querySelector(".editor .lines");
  if (!text || !lines) return;
  let shown = 0;

  function number() {
    const count = text.value.split("\n").length;
    if (count === shown) return;
    shown = count;
    lines.textContent = Array.from({ length: count }, function (_, at) { return at + 1; }).join("\n");
  }

  function go(line) {
    const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = text.value.indexOf("\n", before);
    text.focus();
    text.setSelectionRange(before, end < 0 ? text.value.length : end);
    text.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(text).lineHeight));
  }

  text.addEventListener("input", number);
  text.addEventListener("scroll", function () { lines.scrollTop = text.scrollTop; });
  document.addEventListener("click", function (event) {
    const pressed = event.target.closest("[data-line]");
    if (pressed) go(Number(pressed.dataset.line));
  });
  number();
})();
