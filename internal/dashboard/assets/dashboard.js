// What pages do beside htmx: each works without it, but for comfort.
(() => {
  "use strict";

  // relative tells how far away a moment is, in the words of kit.go.
  const relative = (at) => {
    const seconds = (at - Date.now()) / 1000, distance = Math.abs(seconds);
    if (distance < 5) return "now";
    const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => distance >= size);
    const n = Math.floor(distance / size);
    return seconds > 0 ? `in ${n} ${unit}` : `${n} ${unit} ago`;
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const text = relative(Date.parse(time.dateTime));
      if (time.textContent !== text) time.textContent = text;
    }
  };
  setInterval(tick, 5000);

  // Browsers let pages copy over https, and on this machine, only.
  if (!navigator.clipboard) document.documentElement.dataset.copying = "no";
  const copy = async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  };
  const toggleTheme = () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  };
  document.addEventListener("click", (event) => {
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(copied);
    if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  });

  // isAway is of what a proxy answers for a server that it does not reach, by a page of its own.
  const isAway = (status) => [502, 503, 504].includes(status);

  // What cannot be undone is asked about in a dialog, which takes the question from its page.
  const asked = document.getElementById("asked");
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-ask]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    htmx.ajax("GET", link.href, { target: asked, select: "#question", swap: "innerHTML ignoreTitle:true" }).catch(() => location.assign(link.href));
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, pathInfo } = event.detail;
    if (target !== asked) {
      if (asked?.open) event.detail.shouldSwap = false; // a page does not change behind it
    } else if (xhr.status !== 200 && !isAway(xhr.status)) { // it cannot be asked now: the page says why
      event.detail.shouldSwap = false;
      location.assign(pathInfo.requestPath);
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === asked) asked.showModal();
  });
  asked?.addEventListener("click", (event) => {
    if (!event.target.closest("[data-dismiss]")) return;
    event.preventDefault();
    asked.close();
  });

  // A page that does not reach the server says since when. What asks by itself, goes on to do so.
  const connection = document.getElementById("connection");
  let failures = 0, since = null, isMissed = false;
  const lose = (elt, why) => {
    if (!connection) return;
    since ??= new Date().toISOString().slice(11, 19);
    isMissed ||= !elt.matches("[hx-trigger^=every], [hx-trigger^=load]");
    const what = isMissed ? "What you asked for was not answered: try again." : "What is shown may have changed since; it is tried again by itself.";
    const text = `No connection to casehook since ${since} UTC (${why}). ${what}`;
    if (connection.textContent !== text) connection.textContent = text;
    connection.hidden = false;
    if (!elt.matches("[hx-trigger^=load]")) return; // else it asks once
    setTimeout(() => { if (elt.isConnected) htmx.ajax("GET", elt.getAttribute("hx-get"), { source: elt }); }, Math.min(30000, 1000 * 2 ** failures++));
  };
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr: { status }, requestConfig: { elt } } = event.detail;
    if (!isAway(status)) return;
    event.detail.shouldSwap = false;
    lose(elt, `it was answered ${status}`);
  });
  document.addEventListener("htmx:sendError", (event) => lose(event.detail.elt, "it was not answered"));
  document.addEventListener("htmx:afterRequest", (event) => {
    const { status } = event.detail.xhr;
    if (!connection || status === 0 || status >= 500) return;
    connection.hidden = true;
    since = null;
    isMissed = false;
    failures = 0;
  });

  // A form is sent when the server is there, so that what was filled in is not lost to a page of the browser.
  const reached = new WeakSet();
  document.addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    if (!connection || form.getAttribute("method") !== "post" || form.matches("[hx-post]") || reached.delete(form)) return;
    event.preventDefault();
    const answer = await fetch("/healthz", { cache: "no-store" }).catch(() => null);
    if (answer && !isAway(answer.status)) {
      reached.add(form);
      return form.requestSubmit(submitter);
    }
    form.closest("dialog")?.close();
    connection.textContent = "casehook was not reached: nothing was done. Try again.";
    connection.hidden = false;
    connection.scrollIntoView({ block: "nearest" });
  });

  // What is filled in while an answer is under way is not taken back by it: another one follows.
  const sent = new WeakMap(); // what each request asks by a form
  const filled = (form) => new URLSearchParams(new FormData(form)).toString();
  document.addEventListener("htmx:beforeSend", (event) => {
    const { elt, xhr } = event.detail;
    if (elt.matches("form[hx-get]")) sent.set(xhr, filled(elt));
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { requestConfig, xhr } = event.detail;
    if (!sent.has(xhr)) return;
    const form = requestConfig.elt, unfinished = [...form.elements].some((field) => field.validity?.badInput);
    if (unfinished || filled(form) !== sent.get(xhr)) event.detail.shouldSwap = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const search = document.getElementById("q");
    if (!search) return;
    event.preventDefault();
    search.focus();
  });
})();
