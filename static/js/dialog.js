// Dialogs: one that arrives in #dialog opens; [data-opens=id] opens one that is
// in the page; [data-close] closes. Focus returns to what opened it.
(() => {
  "use strict";
  let from = null; // what opened the dialog in #dialog

  // A menu has closed when its dialog opens: focus goes back to its button.
  const button = (el) => {
    const menu = el?.closest?.("[popover]");
    return menu ? document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`) : el;
  };
  const back = (el) => {
    const to = el?.isConnected ? el : (el?.id && document.getElementById(el.id)) || document.getElementById("main");
    to?.focus({ preventScroll: true });
  };
  const open = (dialog, opener) => {
    if (dialog.open) return;
    dialog.showModal();
    dialog.addEventListener("close", () => {
      if (dialog.parentElement?.id === "dialog") dialog.remove();
      back(opener);
    }, { once: true });
  };

  document.addEventListener("click", (e) => {
    const opens = e.target.closest?.("[data-opens]");
    if (opens) {
      e.preventDefault();
      open(document.getElementById(opens.dataset.opens), button(opens));
      return;
    }
    const dialog = e.target.closest?.("dialog");
    if (!dialog?.open) return;
    // A click on the dialog itself, outside of its content, is on the backdrop.
    if (e.target === dialog) {
      const r = dialog.getBoundingClientRect();
      const inside = e.clientX >= r.left && e.clientX <= r.right && e.clientY >= r.top && e.clientY <= r.bottom;
      if (!inside) dialog.close();
    } else if (e.target.closest("[data-close]")) {
      e.preventDefault();
      dialog.close();
    }
  });

  document.addEventListener("htmx:before:request", (e) => {
    const { ctx } = e.detail;
    if (ctx.target?.id === "dialog" && !ctx.sourceElement.closest("dialog")) from = button(ctx.sourceElement);
  });

  const slot = document.getElementById("dialog");
  if (!slot) return;
  new MutationObserver((changes) => {
    const dialog = slot.querySelector("dialog[data-open]");
    if (dialog) open(dialog, from);
    else if (changes.some((c) => [...c.removedNodes].some((n) => n.localName === "dialog" && n.open))) back(from);
  }).observe(slot, { childList: true });
})();
