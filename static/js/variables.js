// Variables: the picker beside a text field. Choosing one inserts it at the
// caret; Alt+V or typing {{ opens the picker too. The server renders the list.
(() => {
  "use strict";
  const field = (el) => el.closest("[data-expr]");
  const control = (f) => f.querySelector("input:not([data-chooser-search]), textarea");
  const picker = () => document.querySelector("[data-chooser]");
  const items = (p) => [...p.querySelectorAll("[data-insert]")].filter((b) => b.checkVisibility());

  // Where the caret was in a field that has lost the focus; its end at first.
  const carets = new WeakMap();
  document.addEventListener("focusout", (e) => {
    if (e.target.closest?.("[data-expr]") && !e.target.closest("[data-chooser]")) {
      carets.set(e.target, [e.target.selectionStart, e.target.selectionEnd]);
    }
  });

  const close = (focus) => {
    const p = picker();
    if (!p) return;
    const f = field(p);
    p.remove();
    f?.querySelector("[data-variables]")?.removeAttribute("aria-expanded");
    if (focus && f) control(f).focus();
  };

  const insert = (button) => {
    const f = field(button), input = control(f), text = button.dataset.insert;
    if (f.dataset.pick !== undefined && !input.checkVisibility()) { // a line that picker.js looks after
      const words = button.querySelector("span")?.textContent.trim() || button.textContent.trim();
      close(false);
      f.dispatchEvent(new CustomEvent("alur:pick", { bubbles: true, detail: { piece: text, text: words } }));
      return;
    }
    const end = input.value.length;
    let [from, to] = carets.get(input) ?? [end, end];
    if (input.value.slice(from - 2, from) === "{{") from -= 2;
    input.setRangeText(text, Math.max(from, 0), to, "end");
    close(true);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const search = (p, text) => {
    const wanted = text.trim().toLowerCase();
    const show = (node) => {
      let any = false;
      for (const el of node.children) {
        if (el.matches("summary, .help")) continue;
        const own = (el.matches("details") ? el.firstElementChild : el).textContent.trim().toLowerCase().includes(wanted);
        const found = el.matches("[data-insert]") ? own : show(el) || own && el.matches("details");
        el.hidden = !found;
        if (el.matches("details") && wanted && found && !own) el.open = true;
        any ||= found;
      }
      return any;
    };
    const any = show(p.querySelector(".picker-list"));
    p.querySelector("[data-chooser-none]").hidden = any;
    mark(p, items(p)[0]);
  };
  const mark = (p, item) => {
    p.querySelectorAll("[data-active]").forEach((el) => el.removeAttribute("data-active"));
    item?.setAttribute("data-active", "");
    item?.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("click", (e) => {
    const choice = e.target.closest?.("[data-insert]");
    if (choice) return insert(choice);
    const button = e.target.closest?.("[data-variables]");
    const p = picker();
    if (p && !p.contains(e.target) && field(p) !== (button && field(button))) close(false);
    if (button) button.setAttribute("aria-expanded", "true");
  });

  document.addEventListener("input", (e) => {
    if (e.target.matches("[data-chooser-search]")) return search(picker(), e.target.value);
    const f = field(e.target);
    if (!f) return;
    f.dataset.dirty = "";
    const at = e.target.selectionStart;
    if (e.data === "{" && e.target.value.slice(at - 2, at) === "{{") f.querySelector("[data-variables]").click();
  });

  document.addEventListener("keydown", (e) => {
    const p = e.target.closest?.("[data-chooser]");
    if (!p) {
      const f = e.target.closest?.("[data-expr]");
      if (f && e.altKey && e.code === "KeyV") {
        e.preventDefault();
        f.querySelector("[data-variables]").click();
      }
      return;
    }
    const list = items(p), at = list.findIndex((el) => el.hasAttribute("data-active"));
    if (e.key === "Escape") close(true);
    else if (e.key === "Enter" && e.target.matches("[data-chooser-search]")) (list[at] ?? list[0])?.click();
    else if (e.key === "ArrowDown") mark(p, list[Math.min(at + 1, list.length - 1)]);
    else if (e.key === "ArrowUp") mark(p, list[Math.max(at - 1, 0)]);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }, true);

  document.addEventListener("htmx:after:swap", () => picker()?.scrollIntoView({ block: "nearest" }));

  // What is typed in the search is no setting: it must not save the form.
  document.addEventListener("change", (e) => {
    if (e.target.matches?.("[data-chooser-search]")) e.stopImmediatePropagation();
  }, true);
})();
