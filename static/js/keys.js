// Keys: [data-key] names the key that focuses a field, or presses a link or
// button. Only while nothing is being typed and no dialog is open.
(() => {
  "use strict";
  const typing = (el) => el?.closest?.("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || typing(e.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const found = [...document.querySelectorAll(`[data-key="${CSS.escape(e.key)}"]`)].find((el) => el.checkVisibility());
    if (!found) return;
    e.preventDefault();
    found.focus();
    if (typing(found)) found.select?.();
    else found.click();
  });
})();
