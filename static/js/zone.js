// Time zones: a select with data-zone starts at the zone of the browser.
(() => {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const select of document.querySelectorAll("select[data-zone]")) {
    if (!zone) continue;
    // Browsers know zones by older names too, such as Asia/Calcutta.
    if (![...select.options].some((o) => o.value === zone)) select.add(new Option(zone, zone));
    select.value = zone;
  }
})();
