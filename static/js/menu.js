// Menus: the browser opens and closes them (popover attribute). This adds the
// arrow keys, and a place beside the button where CSS anchors are missing.
(() => {
  "use strict";
  const anchors = CSS.supports("position-area", "block-end");
  const opener = (menu) => document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  const items = (menu) => [...menu.querySelectorAll("[role=menuitem]:not(:disabled)")];

  document.addEventListener("toggle", (e) => {
    const menu = e.target;
    if (!(menu instanceof HTMLElement) || !menu.matches(".menu[popover]")) return;
    const button = opener(menu);
    button?.setAttribute("aria-expanded", String(e.newState === "open"));
    if (e.newState !== "open") return;
    if (!anchors && button) {
      const b = button.getBoundingClientRect(), m = menu.getBoundingClientRect();
      const below = b.bottom + m.height + 8 < innerHeight;
      menu.style.inset = "auto";
      menu.style.top = `${below ? b.bottom + 4 : Math.max(4, b.top - m.height - 4)}px`;
      menu.style.left = `${Math.max(4, Math.min(b.right - m.width, innerWidth - m.width - 4))}px`;
    }
    items(menu)[0]?.focus({ preventScroll: true });
  }, true);

  document.addEventListener("keydown", (e) => {
    const menu = e.target.closest?.("[role=menu][popover]");
    if (!menu) return;
    const list = items(menu), at = list.indexOf(document.activeElement);
    const next = {
      ArrowDown: (at + 1) % list.length,
      ArrowUp: (at - 1 + list.length) % list.length,
      Home: 0,
      End: list.length - 1,
    }[e.key];
    if (e.key === "Tab") menu.hidePopover();
    if (next === undefined) return;
    e.preventDefault();
    list[next]?.focus();
  });

  document.addEventListener("click", (e) => {
    const item = e.target.closest?.(".menu[popover] :is(a, button)");
    if (item) setTimeout(() => item.closest("[popover]")?.hidePopover());
  });
})();
