// Form: marks the fields of [data-edited] that differ from what was loaded, says
// how many those are, and asks before they are left behind. Ctrl+Enter and Ctrl+S
// save.
(() => {
  "use strict";
  const form = document.querySelector("form[data-edited]");
  if (!form) return;
  const differs = (el) => {
    if (el.type === "checkbox" || el.type === "radio") return el.checked !== el.defaultChecked;
    if (el.localName === "select") {
      const chosen = [...el.options].some((o) => o.defaultSelected);
      return [...el.options].some((o, i) => o.selected !== (o.defaultSelected || !chosen && i === 0));
    }
    return el.value !== el.defaultValue;
  };
  const note = form.querySelector("[data-changes]");
  let changed = 0;
  const update = () => {
    const fields = new Set();
    for (const el of form.elements) {
      if (!el.name || el.type === "hidden" || el.name.startsWith("_search")) continue;
      const field = el.closest(".field, fieldset");
      if (!field) continue;
      field.removeAttribute("data-changed");
      if (differs(el)) fields.add(field);
    }
    for (const field of fields) field.dataset.changed = "";
    changed = fields.size;
    if (note) note.textContent = changed === 0 ? "" : changed === 1 ? "1 field changed" : `${changed} fields changed`;
  };
  form.addEventListener("input", update);
  form.addEventListener("change", update);
  addEventListener("pageshow", update);
  addEventListener("beforeunload", (e) => {
    if ((changed > 0 || form.dataset.unsaved !== undefined) && form.dataset.sent === undefined) e.preventDefault();
  });
  document.addEventListener("keydown", (e) => {
    if (!(e.ctrlKey || e.metaKey) || e.altKey || (e.key !== "Enter" && e.key !== "s")) return;
    if (document.querySelector("dialog[open]")) return;
    e.preventDefault();
    form.requestSubmit(form.querySelector("[data-save]"));
  });
  update();
})();
