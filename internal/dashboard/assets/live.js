// The page Live goes on by itself: what happens comes as server-sent events.
(() => {
  "use strict";

  const most = 200; // lines in the page, and lines that wait while it is paused

  const watch = (list) => {
    const page = document.getElementById("main"), part = (name) => page.querySelector(`[data-live-${name}]`);
    const lines = list.querySelector("tbody"), table = list.querySelector(".scroll"), empty = part("empty");
    const state = part("state"), pause = part("pause"), left = part("left"), news = part("news");
    const from = new URL(list.dataset.live, location.href);
    let source = null, paused = false, held = [], fresh = 0;
    let over = false, refused = null, lost = null, failures = 0, waiting; // over: the session; refused: why; lost: since when

    const say = (tone, text, ...links) => {
      const all = [text, ...links.map((link) => link.textContent)].join("");
      if (state.textContent !== all) state.replaceChildren(text, ...links);
      state.dataset.tone = tone;
    };
    // tell says how it stands: first what keeps the page from going on.
    const tell = () => {
      if (over) say("bad", "Your session has ended. ", Object.assign(document.createElement("a"), { href: location.href, textContent: "Sign in again" }));
      else if (refused) say("wait", `${refused} It is tried again by itself.`);
      else if (lost) say("wait", `No connection since ${lost} UTC, trying again`);
      else if (paused) say("wait", held.length ? `Paused, ${held.length === most ? `${most} or more` : held.length} new` : "Paused");
      else say("good", "Watching");
    };
    const when = (row) => row.querySelector("time").dateTime;
    const add = (rows) => { // the latest first, also where it is told late
      for (const row of rows.reverse()) {
        if (!document.getElementById(row.id)) lines.insertBefore(row, [...lines.rows].find((other) => when(other) <= when(row)) ?? null);
      }
      while (lines.rows.length > most && !lines.lastElementChild.contains(document.activeElement)) lines.lastElementChild.remove();
      if (!lines.rows.length) return;
      table.hidden = false;
      empty.hidden = true;
    };
    const take = (event) => {
      const parsed = document.createElement("template");
      parsed.innerHTML = event.data;
      const rows = [...parsed.content.children];
      from.searchParams.set("after", event.lastEventId);
      if (event.type === "left") left.hidden = false;
      if (paused) {
        held = [...rows, ...held].slice(0, most);
        tell();
        return;
      }
      fresh += rows.length;
      add(rows);
    };
    const stop = () => {
      clearTimeout(waiting);
      if (source) source.close();
      source = null;
    };
    const start = () => {
      if (source) return;
      source = new EventSource(from);
      source.onopen = () => { refused = lost = null; failures = 0; tell(); };
      source.onerror = () => {
        lost ??= new Date().toISOString().slice(11, 19);
        tell();
        if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
        stop();
        waiting = setTimeout(ask, Math.min(30000, 1000 * 2 ** failures++));
      };
      source.addEventListener("happened", take);
      source.addEventListener("left", take);
      source.addEventListener("end", () => {
        stop();
        finish();
      });
    };
    // ask finds out why a stream was refused, which its source does not tell, and goes on where it can.
    const ask = async () => {
      const hasSeen = new AbortController();
      const answer = await fetch(from, { redirect: "manual", signal: hasSeen.signal }).catch(() => null);
      refused = answer?.status === 409 ? await reason(answer) : null;
      hasSeen.abort();
      if (answer?.type === "opaqueredirect" || [401, 403].includes(answer?.status)) {
        finish();
        return;
      }
      if (answer?.status === 422 && from.searchParams.has("after")) { // it is of another version: what happened since is not known
        from.searchParams.delete("after");
        left.hidden = false;
      }
      tell();
      turn();
    };
    const reason = async (answer) =>
      new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".failure p")?.textContent;
    const finish = () => {
      over = true;
      tell();
    };
    pause.hidden = false;
    pause.addEventListener("click", () => {
      paused = !paused;
      pause.textContent = paused ? "Go on" : "Pause";
      if (!paused) {
        add(held);
        held = [];
      }
      tell();
    });
    // A page that nobody sees holds no connection, of which a browser has few.
    const turn = () => { if (document.hidden || !list.isConnected) stop(); else if (!over) start(); };
    document.addEventListener("visibilitychange", turn);
    // How much is new is said now and then, and not of each line.
    const telling = setInterval(() => {
      if (fresh) news.textContent = `${fresh} new`;
      fresh = 0;
    }, 10000);
    turn();
    return { list, leave: () => { stop(); clearInterval(telling); document.removeEventListener("visibilitychange", turn); } };
  };

  let watched = null;
  const look = () => {
    const list = document.querySelector("[data-live]");
    if (watched && watched.list === list) return;
    if (watched) watched.leave();
    watched = list && watch(list);
  };
  look();
  document.addEventListener("htmx:afterSettle", look);
})();
