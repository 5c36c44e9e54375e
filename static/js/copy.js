// Copy: a button with data-copy="id" copies the value of that input. It is
// hidden where the browser has no clipboard (plain http on another host); the
// input selects itself on focus there as everywhere.
(() => {
  "use strict";
  for (const button of document.querySelectorAll("[data-copy]")) {
    const input = document.getElementById(button.dataset.copy);
    input.addEventListener("focus", () => input.select());
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(input.value);
      button.lastChild.textContent = "Copied";
    });
  }
})();
