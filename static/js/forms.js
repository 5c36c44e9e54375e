// Forms: [data-submit-on-change] sends a filter as soon as it is set, without
// the empty ones in the address, but those in [data-together] only by their
// button; no form is sent twice; after an answer with
// problems the first marked field has the focus.
(() => {
  "use strict";
  document.addEventListener("change", (e) => {
    const form = e.target.form;
    if (form?.hasAttribute("data-submit-on-change") && e.target.type !== "search" && !e.target.closest("[data-together]")) form.requestSubmit();
  });

  document.addEventListener("formdata", (e) => {
    if (!e.target.hasAttribute("data-submit-on-change")) return;
    for (const [name, value] of [...e.formData]) if (value === "") e.formData.delete(name);
  });

  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (e.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent !== undefined) {
      e.preventDefault();
      return;
    }
    form.dataset.sent = "";
    e.submitter?.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
    });
  });

  const wrong = (root) => root?.querySelector?.("[aria-invalid=true]")?.focus();
  wrong(document);
  document.addEventListener("htmx:after:swap", (e) => {
    const { ctx } = e.detail;
    if (ctx?.response?.status === 422) wrong(ctx.target?.isConnected ? ctx.target : document);
  });
})();
