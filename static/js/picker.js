// Picker: [data-picker] holds a select of records, and where to look for more.
// It becomes one field that searches while typing; the select stays beneath it
// and is what the form sends. With data-make a new record can be made for it, in a
// dialog whose answer holds [data-picked].
(() => {
  "use strict";
  const wait = 180; // ms after the last letter
  const takers = new Map(); // by the id of the field: takes a record that was made for it

  const enhance = (box) => {
    const select = box.querySelector("select");
    if (!select || box.dataset.ready !== undefined) return;
    box.dataset.ready = "";
    box.querySelector("[data-search]")?.remove();
    select.hidden = true;

    const combo = document.createElement("div");
    combo.className = "combo";
    const input = document.createElement("input");
    input.className = "input";
    input.type = "text";
    input.autocomplete = "off";
    input.placeholder = "Search";
    input.value = box.dataset.chosen || "";
    const list = document.createElement("ul");
    list.className = "options popover";
    list.hidden = true;
    list.id = `${select.id}-list`;
    const attributes = { role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list" };
    for (const name of ["aria-invalid", "aria-describedby"]) if (select.hasAttribute(name)) attributes[name] = select.getAttribute(name);
    for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
    input.id = select.id; // the label leads here
    select.id = `${input.id}-value`;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", document.querySelector(`label[for="${CSS.escape(input.id)}"]`)?.firstChild.textContent.trim() || "Records");
    const clear = document.createElement("button");
    clear.type = "button";
    clear.className = "btn btn-quiet btn-s btn-icon";
    clear.setAttribute("aria-label", "Clear");
    clear.textContent = "×";
    const clearable = (on) => { clear.style.display = on ? "" : "none"; };
    clearable(select.value);
    combo.append(input, clear, list);
    box.append(combo);

    let chosen = input.value, timer, asked = 0, active = -1;
    const options = () => [...list.querySelectorAll("[role=option]:not([aria-disabled])")];
    const show = (open) => {
      list.hidden = !open;
      input.setAttribute("aria-expanded", String(open));
      if (!open) mark(-1);
    };
    const mark = (at) => {
      active = at;
      options().forEach((o, i) => {
        o.setAttribute("aria-selected", String(i === at));
        if (i === at) o.scrollIntoView({ block: "nearest" });
      });
      if (at < 0) input.removeAttribute("aria-activedescendant");
      else input.setAttribute("aria-activedescendant", options()[at].id);
    };
    const choose = (value, text) => {
      if (value && ![...select.options].some((o) => o.value === value)) select.add(new Option(text, value));
      select.value = value;
      chosen = input.value = text;
      clearable(value);
      show(false);
      select.dispatchEvent(new Event("change", { bubbles: true }));
    };
    const take = (o) => {
      if (o.dataset.fresh === undefined) return choose(o.dataset.value, o.firstChild.textContent.trim());
      input.value = chosen;
      show(false);
      window.htmx.ajax("GET", `${box.dataset.make}?_into=${encodeURIComponent(input.id)}`, { source: input, target: "#dialog" });
    };
    takers.set(input.id, choose);
    const load = async () => {
      const mine = ++asked;
      const q = input.value === chosen ? "" : input.value;
      const answer = await fetch(`${box.dataset.picker}${box.dataset.picker.includes("?") ? "&" : "?"}q=${encodeURIComponent(q)}`, { headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
      if (mine !== asked || !answer.ok) return;
      list.innerHTML = await answer.text();
      if (box.dataset.make && !box.closest("dialog")) {
        const fresh = document.createElement("li");
        fresh.setAttribute("role", "option");
        fresh.setAttribute("aria-selected", "false");
        fresh.className = "options-new";
        fresh.dataset.fresh = "";
        fresh.textContent = "New record…";
        list.append(fresh);
      }
      options().forEach((o, i) => { o.id = `${list.id}-${i}`; });
      show(document.activeElement === input);
    };

    input.addEventListener("focus", () => { input.select(); load(); });
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(load, wait); });
    input.addEventListener("blur", () => {
      show(false);
      if (input.value.trim() === "") choose("", "");
      else input.value = chosen; // half a word chooses nothing
    });
    input.addEventListener("keydown", (e) => {
      const n = options().length;
      if (e.key === "ArrowDown" || e.key === "ArrowUp") {
        e.preventDefault();
        if (list.hidden) load();
        else if (n) mark((active + (e.key === "ArrowDown" ? 1 : n - 1) + (active < 0 && e.key === "ArrowUp" ? 1 : 0)) % n);
      } else if (e.key === "Enter" && !list.hidden && active >= 0) {
        e.preventDefault();
        take(options()[active]);
      } else if (e.key === "Escape" && !list.hidden) {
        e.stopPropagation();
        e.preventDefault();
        input.value = chosen;
        show(false);
      }
    });
    list.addEventListener("mousedown", (e) => {
      e.preventDefault(); // the field keeps the focus
      const o = e.target.closest("[role=option]:not([aria-disabled])");
      if (o) take(o);
    });
    clear.addEventListener("click", () => { choose("", ""); input.focus(); });
  };

  const all = (root) => root.querySelectorAll?.("[data-picker]").forEach(enhance);
  all(document);
  new MutationObserver((changes) => {
    for (const c of changes) for (const n of c.addedNodes) {
      if (n.nodeType !== 1) continue;
      all(n.parentElement ?? n);
      if (n.dataset.picked === undefined) continue;
      takers.get(n.dataset.picked)?.(n.dataset.value, n.dataset.text);
      n.remove();
    }
  }).observe(document.body, { childList: true, subtree: true });
})();
