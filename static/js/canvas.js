// The editor's canvas and drawer: arrow keys between cards, zoom, outline,
// search in the dialog that adds nodes, and what a form that saves itself needs.
(() => {
  "use strict";
  const cards = () => [...document.querySelectorAll(".canvas .node-open")];

  const autosave = (el) => el?.closest?.("[data-autosave]");

  // Nothing typed is left behind: a link or a button outside of the form that
  // saves itself waits until that is saved. When it is refused, the reader sees
  // why and may go on.
  let unsaved = false, saving = false, next = null;
  const typed = (e) => { if (autosave(e.target) && !e.target.closest("[data-picker], [data-chooser]")) unsaved = true; };
  document.addEventListener("input", typed);
  document.addEventListener("change", typed);
  document.addEventListener("htmx:before:request", (e) => {
    if (e.detail.ctx.sourceElement.matches?.("[data-autosave]")) [unsaved, saving] = [false, true];
  });
  document.addEventListener("htmx:finally:request", (e) => {
    const { ctx } = e.detail;
    if (!saving || !ctx.sourceElement.matches?.("[data-autosave], #main, #drawer")) return;
    saving = false;
    const el = next;
    if (el && unsaved && ctx.response) return document.querySelector("[data-autosave]")?.requestSubmit();
    next = null;
    if (ctx.response?.status === 200 && el?.isConnected) el.click();
  });
  document.addEventListener("click", (e) => {
    const form = document.querySelector("[data-autosave]"), el = e.target.closest?.("a[href]:not([target]), button:not([type=button])");
    if (!form) unsaved = saving = false;
    if (!(unsaved || saving) || !el || form.contains(el) || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    next = el;
    if (!saving) form.requestSubmit();
  }, true);

  // A save waits for the one before it, and then must build on its result: the
  // first one of a version that runs has moved to a draft with another address.
  document.addEventListener("htmx:before:request", (e) => {
    const { sourceElement, request } = e.detail.ctx;
    const form = autosave(sourceElement);
    const revision = form?.querySelector("[name=revision]");
    if (revision && request.body instanceof URLSearchParams && request.body.has("revision")) {
      request.body.set("revision", revision.value);
      request.action = form.getAttribute("hx-post");
    }
  });

  // "Saved" is true until something is typed.
  const note = (text) => {
    const saved = document.getElementById("saved");
    if (saved) saved.textContent = text;
  };
  document.addEventListener("input", (e) => {
    if (autosave(e.target) && !e.target.closest("[data-picker], [data-chooser]")) note("");
  });
  document.addEventListener("htmx:error", (e) => {
    const form = autosave(e.detail.ctx?.sourceElement);
    if (!form) return;
    unsaved = true;
    note("No connection. Your text stays here; trying again.");
    setTimeout(() => form.isConnected && form.dispatchEvent(new Event("change", { bubbles: true })), 3000);
  });

  // Zoom in three steps, outline on and off.
  const steps = [50, 75, 100];
  let zoom = 100;
  const apply = () => {
    const canvas = document.querySelector("[data-canvas]"), group = document.querySelector("[data-zoom-group]");
    if (!canvas || !group) return;
    if (zoom === 100) delete canvas.dataset.zoomed;
    else canvas.dataset.zoomed = zoom;
    const [smaller, reset, larger] = group.children;
    reset.textContent = `${zoom} %`;
    reset.setAttribute("aria-label", `Zoom ${zoom} %, reset`);
    smaller.disabled = zoom === steps[0];
    larger.disabled = zoom === steps.at(-1);
  };
  let outline = true;
  const applyOutline = () => {
    document.querySelector("[data-outline]")?.setAttribute("aria-pressed", String(outline));
    const list = document.getElementById("outline");
    if (list) list.hidden = !outline;
  };
  document.addEventListener("click", (e) => {
    const step = e.target.closest?.("[data-zoom]");
    if (step) {
      const by = Number(step.dataset.zoom);
      zoom = by ? steps[Math.min(Math.max(steps.indexOf(zoom) + by, 0), 2)] : 100;
      apply();
    }
    if (e.target.closest?.("[data-outline]")) {
      outline = !outline;
      applyOutline();
    }
  });
  document.addEventListener("htmx:after:swap", () => {
    if (zoom !== 100) apply();
    if (!outline) applyOutline();
  });

  // The focus that was in a drawer goes to the drawer's card when it closes.
  let left = "";
  document.addEventListener("click", (e) => {
    if (e.target.closest?.("[data-close-drawer]")) left = document.querySelector(".node:has(.node-open[aria-current])")?.id ?? "";
  });
  document.addEventListener("htmx:after:swap", () => {
    if (!left || document.querySelector("[data-close-drawer]")) return;
    if (document.activeElement === document.body) document.getElementById(left)?.querySelector(".node-open")?.focus();
    left = "";
  });

  // Search in the dialog that adds nodes.
  const filter = (form, text) => {
    const wanted = text.trim().toLowerCase();
    let any = false;
    for (const group of form.querySelectorAll("[data-filter-group]")) {
      let found = false;
      for (const item of group.querySelectorAll("[data-filter-item]")) {
        item.hidden = !item.textContent.toLowerCase().includes(wanted);
        found ||= !item.hidden;
      }
      group.hidden = !found;
      any ||= found;
    }
    form.querySelector("[data-filter-none]").hidden = any;
  };
  document.addEventListener("input", (e) => {
    if (e.target.matches?.("[data-filter-input]")) filter(e.target.closest("[data-filter]"), e.target.value);
  });
  document.addEventListener("htmx:after:swap", () => {
    const box = document.querySelector("[data-filter-box][hidden]");
    if (!box) return;
    box.hidden = false;
    box.querySelector("input").focus();
  });

  document.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target.matches?.("[data-filter-input]") && e.key === "Enter") {
      e.preventDefault();
      [...e.target.form.querySelectorAll("[data-filter-item] button:enabled")].find((b) => b.checkVisibility())?.click();
      return;
    }
    if (e.key === "Escape" && !document.querySelector("dialog[open], [popover]:popover-open, [data-chooser]")) {
      document.querySelector("[data-close-drawer]")?.click();
      return;
    }
    const card = e.target.closest?.(".node-open");
    if (!card || !card.closest(".canvas")) return;
    const list = cards(), at = list.indexOf(card);
    const branch = card.closest(".branch");
    const beside = { ArrowLeft: branch?.previousElementSibling, ArrowRight: branch?.nextElementSibling }[e.key];
    const to = { ArrowDown: list[at + 1], ArrowUp: list[at - 1], Home: list[0], End: list.at(-1) }[e.key]
      ?? beside?.querySelector(".node-open");
    if (to) {
      e.preventDefault();
      to.focus();
    } else if (e.key === "a") {
      e.preventDefault();
      card.closest("li").nextElementSibling?.querySelector(".add > a, a")?.click();
    } else if (e.key === "Delete") {
      e.preventDefault();
      card.parentElement.querySelector(".menu .danger")?.click();
    }
  });
})();
