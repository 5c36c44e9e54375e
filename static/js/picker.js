// Picker: [data-picker] holds a select of records, and where to look for more.
// It becomes one field that searches while typing; the select stays beneath it
// and is what the form sends. With data-make a new record can be made for it, in a
// dialog whose answer holds [data-picked].
//
// With data-adds it has no select, but adds what is found to a line of keys and
// variables with that id, which the form sends: [data-pick] is around both, and
// around the list of what is in the line.
(() => {
  "use strict";
  const wait = 180; // ms after the last letter
  let quiet = false; // a field that gets the focus opens no list
  const takers = new Map(); // by the id of the field: takes a record that was made for it

  // field is the text field that searches, and its list. text is what is chosen, label
  // names the list, choose takes what is found and says what to show for it; clear,
  // when there is one, stands beside the field.
  const field = (box, { id, attributes = {}, label, placeholder, text = "", clear, choose }) => {
    const combo = document.createElement("div");
    combo.className = "combo";
    const input = document.createElement("input");
    input.className = "input";
    input.type = "text";
    input.autocomplete = "off";
    input.placeholder = placeholder;
    input.value = text;
    const list = document.createElement("ul");
    list.className = "options popover";
    list.hidden = true;
    list.id = `${id}-list`;
    Object.assign(attributes, { role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list" });
    for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
    input.id = id;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", label);
    if (clear) combo.append(input, clear, list);
    else combo.append(input, list);

    let chosen = text, timer, asked = 0, active = -1;
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
    const pick = (value, text) => {
      chosen = input.value = choose(value, text);
      show(false);
    };
    const take = (o) => {
      if (o.dataset.fresh === undefined) return pick(o.dataset.value, o.firstChild.textContent.trim());
      input.value = chosen;
      show(false);
      window.htmx.ajax("GET", `${box.dataset.make}?_into=${encodeURIComponent(input.id)}`, { source: input, target: "#dialog" });
    };
    takers.set(input.id, pick);
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

    input.addEventListener("focus", () => { input.select(); if (!quiet) load(); });
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(load, wait); });
    input.addEventListener("blur", () => {
      show(false);
      if (chosen && input.value.trim() === "") pick("", "");
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
    return { combo, input, pick };
  };

  const enhance = (box) => {
    if (box.dataset.adds !== undefined) return enhanceLine(box);
    const select = box.querySelector("select");
    if (!select || box.dataset.ready !== undefined) return;
    box.dataset.ready = "";
    box.querySelector("[data-search]")?.remove();
    select.hidden = true;
    const id = select.id; // the label leads here
    const attributes = {};
    for (const name of ["aria-invalid", "aria-describedby"]) if (select.hasAttribute(name)) attributes[name] = select.getAttribute(name);
    select.id = `${id}-value`;
    const clear = document.createElement("button");
    clear.type = "button";
    clear.className = "btn btn-quiet btn-s btn-icon";
    clear.setAttribute("aria-label", "Clear");
    clear.textContent = "×";
    const clearable = (on) => { clear.style.display = on ? "" : "none"; };
    clearable(select.value);
    const { combo, input, pick } = field(box, {
      id, attributes, clear, placeholder: "Search", text: box.dataset.chosen || "",
      label: document.querySelector(`label[for="${CSS.escape(id)}"]`)?.firstChild.textContent.trim() || "Records",
      choose: (value, text) => {
        if (value && ![...select.options].some((o) => o.value === value)) select.add(new Option(text, value));
        select.value = value;
        clearable(value);
        select.dispatchEvent(new Event("change", { bubbles: true }));
        return text;
      },
    });
    box.append(combo);
    clear.addEventListener("click", () => { pick("", ""); input.focus(); });
  };

  // A line of keys and variables. The server draws the list of what is in it again
  // when the form was saved; until then what is done here has to be seen.
  const pieces = (line) => line.match(/(?:\{\{.*?\}\}|[^\s,;])+/g) ?? [];
  const change = (line, all) => {
    line.value = all.join(", ");
    line.dispatchEvent(new Event("input", { bubbles: true }));
    line.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const add = (pick, piece, text) => {
    const line = pick.querySelector("input"), many = pick.dataset.pick === "many", list = pick.querySelector("ul");
    const before = many ? pieces(line.value) : [];
    if (before.includes(piece)) return;
    if (!many) list.replaceChildren();
    const chip = document.createElement("li"), words = document.createElement("span"), out = document.createElement("button");
    chip.className = "chip";
    chip.dataset.piece = piece;
    words.textContent = text;
    out.type = "button";
    out.setAttribute("aria-label", `Take out ${text}`);
    out.textContent = "×";
    chip.append(words, out);
    list.append(chip);
    change(line, [...before, piece]);
  };
  const enhanceLine = (box) => {
    if (box.firstChild) return;
    const { combo, input } = field(box, {
      id: `${box.dataset.adds}-search`, attributes: { "aria-label": box.dataset.label }, placeholder: box.dataset.hint, label: box.dataset.label,
      choose: (value, text) => {
        if (value) add(box.closest("[data-pick]"), value, text);
        return "";
      },
    });
    const line = document.getElementById(box.dataset.adds);
    if (line?.getAttribute("aria-invalid")) input.setAttribute("aria-invalid", "true");
    input.addEventListener("change", (e) => e.stopPropagation()); // what is searched is no setting
    input.addEventListener("keydown", (e) => { if (e.key === "Enter") e.preventDefault(); }); // and saves nothing
    box.append(...combo.childNodes);
  };
  const search = (pick) => pick?.querySelector("[data-adds] > input");
  const goTo = (pick) => { // the list would lie over the chips
    quiet = true;
    search(pick)?.focus();
    quiet = false;
  };
  document.addEventListener("click", (e) => {
    const out = e.target.closest?.("[data-pick] li button"), pick = out?.closest("[data-pick]");
    if (!search(pick)) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    const line = pick.querySelector("input"), chip = out.closest("li"), all = pieces(line.value), at = all.indexOf(chip.dataset.piece);
    if (pick.dataset.pick === "one") all.length = 0;
    else if (at >= 0) all.splice(at, 1);
    chip.remove();
    change(line, all);
    goTo(pick);
  }, true);
  // A variable was chosen for it (variables.js).
  document.addEventListener("alur:pick", (e) => {
    add(e.target, e.detail.piece, e.detail.text);
    goTo(e.target);
  });

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
