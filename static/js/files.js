// Files: [data-files] holds the files of a field. New ones are sent as soon as they
// are chosen or dropped, one after the other, with their progress; the answer is the
// line that goes into the list. Without this the form sends them when it is saved.
(() => {
  "use strict";
  const enhance = (box) => {
    if (box.dataset.ready !== undefined || box.disabled) return;
    box.dataset.ready = "";
    const input = box.querySelector("input[type=file]");
    const list = box.querySelector("ul");
    const said = box.querySelector("[data-said]");
    if (!input) return;
    const form = box.closest("form");
    const waiting = [];
    let sending = false;

    const button = document.createElement("label");
    button.className = "btn";
    button.htmlFor = input.id;
    button.textContent = box.dataset.one === undefined ? "Add files" : "Choose a file";
    const hint = document.createElement("span");
    hint.className = "muted hide-s";
    hint.textContent = "or drop them here";
    if (box.dataset.one !== undefined) hint.textContent = "or drop it here";
    input.classList.add("sr");
    input.after(button, hint);

    const line = (li) => {
      li.classList.add("file-line");
      const keep = li.querySelector("[type=checkbox]");
      const remove = li.querySelector("[data-remove]");
      if (!remove) return;
      remove.hidden = false;
      remove.addEventListener("click", () => {
        const next = li.nextElementSibling ?? li.previousElementSibling;
        if (keep) {
          keep.checked = false;
          li.hidden = true;
          keep.dispatchEvent(new Event("change", { bubbles: true }));
          said.textContent = `${li.querySelector("a").textContent} is taken out when you save.`;
        } else {
          li.remove();
        }
        (next?.querySelector("[data-remove]") ?? input).focus();
      });
    };
    const put = (html, place) => {
      const holder = document.createElement("template");
      holder.innerHTML = html;
      const li = holder.content.querySelector("li");
      if (!li) return false;
      const keep = li.querySelector("[type=checkbox]");
      if (keep) {
        if (box.dataset.one !== undefined) list.querySelectorAll("[type=checkbox]").forEach((c) => { c.checked = false; c.closest("li").hidden = true; });
        keep.defaultChecked = false; // it counts as a change of the form
        keep.checked = true;
      }
      place.replaceWith(li);
      line(li);
      keep?.dispatchEvent(new Event("change", { bubbles: true }));
      said.textContent = keep ? `${li.querySelector("a").textContent} is added.` : li.textContent.trim();
      return true;
    };
    const refuse = (file, place, words) => {
      const li = document.createElement("li");
      li.className = "file file-refused file-line";
      const name = document.createElement("b");
      name.textContent = file.name;
      const problem = document.createElement("span");
      problem.className = "error";
      problem.textContent = words;
      const text = document.createElement("span");
      text.append(name, " ", problem);
      const again = document.createElement("button");
      again.type = "button";
      again.className = "btn btn-s";
      again.textContent = "Try again";
      again.addEventListener("click", () => { li.remove(); add([file]); });
      li.append(text, again);
      place.replaceWith(li);
      said.textContent = `${file.name}: ${words}`;
    };
    const send = () => {
      const next = waiting.shift();
      sending = next !== undefined;
      if (!sending) {
        delete form.dataset.uploading;
        return;
      }
      form.dataset.uploading = "";
      const { file, place, bar } = next;
      const request = new XMLHttpRequest(); // fetch does not tell how much was sent
      request.open("POST", box.dataset.files);
      request.setRequestHeader("HX-Request", "true");
      request.setRequestHeader("HX-Request-Type", "partial");
      request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) bar.value = e.loaded / e.total; });
      place.querySelector("button").addEventListener("click", () => request.abort());
      const failed = () => refuse(file, place, "Not added: the server did not answer.");
      request.addEventListener("load", () => { if (!put(request.responseText, place)) failed(); send(); });
      request.addEventListener("error", () => { failed(); send(); });
      request.addEventListener("abort", () => { place.remove(); input.focus(); send(); });
      const body = new FormData();
      body.append("file", file);
      request.send(body);
    };
    const add = (files) => {
      const chosen = box.dataset.one === undefined ? [...files] : [...files].slice(0, 1);
      for (const file of chosen) {
        const place = document.createElement("li");
        place.className = "file file-line";
        const name = document.createElement("span");
        name.textContent = file.name;
        const bar = document.createElement("progress");
        bar.className = "progress";
        bar.max = 1;
        bar.value = 0;
        bar.setAttribute("aria-label", `Sending ${file.name}`);
        const stop = document.createElement("button");
        stop.type = "button";
        stop.className = "btn btn-s btn-quiet";
        stop.textContent = "Stop";
        const next = { file, place, bar };
        stop.addEventListener("click", () => {
          const at = waiting.indexOf(next);
          if (at < 0) return;
          waiting.splice(at, 1);
          place.remove();
        });
        place.append(name, bar, stop);
        list.append(place);
        waiting.push(next);
      }
      if (!sending) send();
    };
    list.querySelectorAll("li").forEach(line);
    input.addEventListener("change", () => { add(input.files); input.value = ""; });
    const dragged = (e) => e.dataTransfer?.types.includes("Files");
    for (const type of ["dragenter", "dragover"]) box.addEventListener(type, (e) => {
      if (!dragged(e)) return;
      e.preventDefault();
      box.dataset.over = "";
    });
    box.addEventListener("dragleave", (e) => { if (!box.contains(e.relatedTarget)) delete box.dataset.over; });
    box.addEventListener("drop", (e) => {
      delete box.dataset.over;
      if (!dragged(e)) return;
      e.preventDefault();
      add(e.dataTransfer.files);
    });
  };

  // A form waits for the files that are on their way.
  document.addEventListener("submit", (e) => {
    if (e.target.dataset?.uploading === undefined) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    const said = e.target.querySelector("[data-files] [data-said]");
    if (said) said.textContent = "Files are still being sent. Save when they are there.";
    e.target.querySelector("progress")?.scrollIntoView({ block: "nearest" });
  }, true);

  const all = (root) => root.querySelectorAll?.("[data-files]").forEach(enhance);
  all(document);
  new MutationObserver((changes) => {
    for (const c of changes) for (const n of c.addedNodes) if (n.nodeType === 1) all(n.parentElement ?? n);
  }).observe(document.body, { childList: true, subtree: true });
})();
