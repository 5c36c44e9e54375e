// Code: a text area in [data-code] grows with its text, has line numbers, keeps
// the indentation on Enter and indents with Tab. Escape, then Tab, leaves it.
(() => {
  "use strict";
  const minRows = 8, step = "  ";
  const area = (el) => el?.closest?.("[data-code]")?.querySelector("textarea");

  const fit = (text) => {
    const rows = Math.max(minRows, text.value.split("\n").length);
    const lines = text.parentElement.firstElementChild;
    if (text.rows === rows && Number(lines.dataset.rows) === rows) return;
    text.rows = rows;
    lines.dataset.rows = rows;
    lines.textContent = Array.from({ length: rows }, (_, i) => `${i + 1}\n`).join("");
  };
  const all = () => document.querySelectorAll("[data-code] textarea").forEach(fit);
  all();
  document.addEventListener("htmx:after:swap", all);
  document.addEventListener("input", (e) => { if (area(e.target)) fit(e.target); });

  // execCommand is the one way to change text that can be undone.
  const replace = (text, from, to, by) => {
    text.setSelectionRange(from, to);
    document.execCommand(by === "" ? "delete" : "insertText", false, by);
  };

  const indent = (text, back) => {
    const { selectionStart: from, selectionEnd: to, value } = text;
    if (!back && from === to) return document.execCommand("insertText", false, step);
    const start = value.lastIndexOf("\n", from - 1) + 1;
    const end = to > from && value[to - 1] === "\n" ? to - 1 : to;
    const old = value.slice(start, end);
    const shifted = old.replace(/^/gm, step), unshifted = old.replace(/^( {1,2}|\t)/gm, "");
    const by = back ? unshifted : shifted;
    if (by === old) return;
    replace(text, start, end, by);
    const first = by.indexOf("\n") < 0 ? by.length - old.length : by.split("\n")[0].length - old.split("\n")[0].length;
    text.setSelectionRange(from === to ? Math.max(start, from + first) : start, to + by.length - old.length);
  };

  const breakLine = (text) => {
    const { selectionStart: at, value } = text;
    const line = value.slice(value.lastIndexOf("\n", at - 1) + 1, at);
    const more = /[{([]\s*$/.test(line) ? step : "";
    document.execCommand("insertText", false, `\n${line.match(/^[ \t]*/)[0]}${more}`);
  };

  let leaving = false; // Escape was the last key
  document.addEventListener("keydown", (e) => {
    const text = area(e.target);
    if (!text || e.target !== text || e.isComposing) return;
    const left = leaving;
    leaving = false;
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape" && !left) {
      e.preventDefault(); // the drawer stays open
      leaving = true;
    } else if (e.key === "Tab" && !left && !text.readOnly) {
      e.preventDefault();
      indent(text, e.shiftKey);
    } else if (e.key === "Enter" && !e.shiftKey) {
      e.preventDefault();
      breakLine(text);
    }
    if (e.key === "Shift") leaving = left; // Escape, then Shift+Tab
  }, true);
  document.addEventListener("focusout", (e) => { if (area(e.target)) leaving = false; });
})();
