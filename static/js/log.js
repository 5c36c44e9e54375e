// The log of an execution: live updates replace cards and do not know which
// panel is open here, so its card is marked again after each of them.
(() => {
  "use strict";
  const mark = () => {
    const key = document.getElementById("drawer")?.dataset.drawer;
    const card = key && document.getElementById(`n-${key}`);
    for (const link of document.querySelectorAll(".canvas .node-open")) {
      const open = !!card && link.parentElement === card;
      if (open) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("htmx:after:swap", mark);
  // A panel that opened by itself shows where there is room for both.
  if (document.getElementById("drawer")?.checkVisibility()) {
    document.querySelector(".canvas .node-open[aria-current]")?.scrollIntoView({ block: "center", inline: "nearest" });
  }
})();
