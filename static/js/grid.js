// Grid: a table whose cells can be edited in place. Arrows go from cell to cell,
// Enter or a double click opens one, Enter saves, Escape leaves, Tab saves and
// opens the next. The server renders the control, and the row when it is saved. A
// click on a head with Shift sorts by that column too.
(() => {
  "use strict";
  const grid = document.querySelector("[data-grid]");
  if (!grid) return;
  const part = { "HX-Request": "true", "HX-Request-Type": "partial" };
  const cells = () => [...grid.querySelectorAll("tbody [data-edit]")].filter((td) => td.checkVisibility());
  const open = () => grid.querySelector("td[data-open]");
  const control = (td) => td.querySelector("form :is(input:not([type=hidden]), select, textarea):not([hidden])");
  const kept = new WeakMap(); // what stood in an open cell
  let busy = false;

  const stop = (td) => {
    for (const other of grid.querySelectorAll('[data-edit][tabindex="0"]')) other.tabIndex = -1;
    td.tabIndex = 0;
  };
  const focus = (td) => { if (td) { stop(td); td.focus(); } };
  const first = cells()[0];
  if (first) stop(first);

  const html = (text) => {
    const t = document.createElement("template");
    t.innerHTML = text;
    return t.content;
  };
  const toast = (content) => document.getElementById("toasts")?.append(content);

  // ask sends a request and gives the text of its answer; null when the answer
  // was for somebody else or never came.
  const ask = async (url, options) => {
    let res;
    try {
      res = await fetch(url, { ...options, headers: part });
    } catch {
      const offline = document.getElementById("offline")?.content.cloneNode(true);
      if (offline) toast(offline);
      return null;
    }
    if (res.headers.get("HX-Redirect")) {
      location.assign(res.headers.get("HX-Redirect"));
      return null;
    }
    const text = await res.text();
    if (res.headers.get("HX-Retarget") === "#toasts" || res.status >= 500) {
      toast(html(text));
      return null;
    }
    return { ok: res.ok, text };
  };

  const fill = (td, text) => {
    td.replaceChildren(html(text));
    td.dataset.open = "";
    const form = td.querySelector("form"), c = control(td);
    c?.focus(); // at once: a key pressed before the next frame is for the control
    c?.select?.();
    queueMicrotask(() => { // when the observers of other scripts have set up what is in it
      if (form.dataset.first === undefined) form.dataset.first = new URLSearchParams(new FormData(form)).toString();
    });
  };
  const edit = async (td) => {
    if (!td || busy || td === open()) return;
    busy = true;
    const answer = await ask(td.dataset.edit);
    busy = false;
    if (!answer?.ok) return;
    const now = open();
    if (now) leave(now);
    kept.set(td, [...td.childNodes]);
    stop(td);
    fill(td, answer.text);
  };
  const leave = (td) => {
    td.replaceChildren(...kept.get(td));
    delete td.dataset.open;
  };
  // save gives the cell of the new row; null when the value was refused.
  const save = async (td) => {
    const form = td.querySelector("form"), sent = new URLSearchParams(new FormData(form));
    if (busy) return null;
    if (form.dataset.first === sent.toString() && !form.querySelector("[aria-invalid]")) {
      leave(td);
      return td;
    }
    busy = true;
    const answer = await ask(form.action, { method: "POST", body: sent });
    busy = false;
    if (!answer) return null;
    if (!answer.ok) {
      fill(td, answer.text);
      td.querySelector("form").dataset.first = "refused";
      return null;
    }
    const row = td.closest("tr"), at = [...row.cells].indexOf(td);
    const fresh = html(`<table><tbody>${answer.text}</tbody></table>`).querySelector("tr");
    const box = row.querySelector(".c-check input");
    if (box) fresh.querySelector(".c-check input").checked = box.checked;
    row.replaceWith(fresh);
    window.htmx?.process(fresh);
    return fresh.cells[at];
  };
  const beside = (td, by) => {
    const all = cells();
    return all[all.indexOf(td) + by];
  };

  grid.addEventListener("dblclick", (e) => {
    const td = e.target.closest("[data-edit]");
    if (td && !e.target.closest("a, button, form")) edit(td);
  });

  grid.addEventListener("keydown", async (e) => {
    const td = e.target.closest?.("[data-edit]");
    if (!td || e.defaultPrevented || e.isComposing) return;
    if (td === open()) {
      if (e.key === "Escape") {
        e.preventDefault();
        leave(td);
        focus(td);
      } else if (e.key === "Enter" && !e.shiftKey || e.key === "Tab") {
        e.preventDefault();
        const saved = await save(td);
        if (!saved) return;
        focus(saved);
        if (e.key === "Tab") edit(beside(saved, e.shiftKey ? -1 : 1));
      }
      return;
    }
    if (e.target !== td) return;
    const row = td.closest("tr"), at = [...row.cells].indexOf(td);
    const below = (tr) => tr?.cells[at];
    const to = {
      ArrowRight: () => beside(td, 1), ArrowLeft: () => beside(td, -1),
      ArrowDown: () => below(row.nextElementSibling), ArrowUp: () => below(row.previousElementSibling),
    }[e.key];
    if (to) {
      e.preventDefault();
      focus(to());
    } else if (e.key === "Enter" || e.key === "F2") {
      e.preventDefault();
      edit(td);
    }
  });

  grid.addEventListener("submit", (e) => {
    const td = e.target.closest("td[data-open]");
    if (!td) return;
    e.preventDefault();
    e.stopPropagation();
    save(td).then(focus);
  });
  grid.addEventListener("focusin", (e) => { if (e.target.matches("[data-edit]")) stop(e.target); });
  // What was typed is saved when the focus goes elsewhere, as in a spreadsheet; not
  // when the control itself went, as with the answer that shows a conflict.
  grid.addEventListener("focusout", (e) => {
    const td = e.target.closest("td[data-open]");
    setTimeout(() => {
      if (td && e.target.isConnected && td === open() && !td.contains(document.activeElement) && document.hasFocus()) save(td);
    });
  });

  grid.addEventListener("click", (e) => {
    const head = e.target.closest("a[data-more]");
    if (!head || !e.shiftKey) return;
    e.preventDefault();
    location.assign(head.dataset.more);
  });
})();
