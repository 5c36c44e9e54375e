// Rows to choose from: a form with data-selection="id" counts the checked
// boxes of that name and shows itself while there are any; one box checks all.
(() => {
  "use strict";
  const update = () => {
    for (const bar of document.querySelectorAll("[data-selection]")) {
      const boxes = [...document.querySelectorAll(`input[type=checkbox][name="${bar.dataset.selection}"]:enabled`)];
      const chosen = boxes.filter((box) => box.checked).length;
      bar.hidden = chosen === 0;
      bar.querySelector("[data-selected]").textContent = `${chosen} selected`;
      bar.querySelector("[data-clear]").hidden = false;
      const all = document.querySelector(`[data-select-all="${bar.dataset.selection}"]`);
      if (!all) continue;
      all.hidden = boxes.length === 0;
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  };
  const set = (name, on) => {
    for (const box of document.querySelectorAll(`input[type=checkbox][name="${name}"]:enabled`)) box.checked = on;
    update();
  };
  document.addEventListener("change", (e) => {
    const all = e.target.dataset?.selectAll;
    if (all) set(all, e.target.checked);
    else update();
  });
  document.addEventListener("click", (e) => {
    const bar = e.target.closest?.("[data-clear]")?.closest("[data-selection]");
    if (bar) set(bar.dataset.selection, false);
  });
  document.addEventListener("htmx:after:swap", update);
  addEventListener("pageshow", update);
  update();
})();
