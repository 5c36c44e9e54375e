// Toasts: they leave by themselves, errors later, none while it is pointed at.
// A request that got no answer at all is told the same way.
(() => {
  "use strict";
  const box = document.getElementById("toasts");
  if (!box) return;

  const watch = (toast) => {
    const time = toast.dataset.state === "completed" ? 6000 : 15000;
    let timer;
    const start = () => { timer = setTimeout(() => toast.remove(), time); };
    const hold = () => clearTimeout(timer);
    for (const on of ["pointerenter", "focusin"]) toast.addEventListener(on, hold);
    for (const on of ["pointerleave", "focusout"]) toast.addEventListener(on, start);
    start();
  };

  box.querySelectorAll(".toast").forEach(watch);
  new MutationObserver((changes) => {
    for (const c of changes) for (const n of c.addedNodes) if (n.classList?.contains("toast")) watch(n);
  }).observe(box, { childList: true });

  box.addEventListener("click", (e) => {
    if (e.target.closest("[data-dismiss]")) e.target.closest(".toast").remove();
  });

  document.addEventListener("htmx:error", (e) => {
    const { ctx } = e.detail;
    if (ctx?.response || box.querySelector("[data-offline]")) return;
    const toast = document.getElementById("offline")?.content.firstElementChild?.cloneNode(true);
    if (!toast) return;
    toast.dataset.offline = "";
    box.append(toast);
  });
})();
