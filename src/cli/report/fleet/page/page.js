"use strict";
// Everything that a host has said reaches the page as text alone: there is no innerHTML here.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const STANDINGS = data.standings.map(([name, words, mark]) => ({ name, words, mark }));
  const text = (at) => (at < 0 ? "" : data.texts[at]);

  const hosts = data.hosts.map(([host, name, state, scheme, sealed, start, end, requests, sent, received, cause, message, unverified]) => ({
    host, name, state, scheme, sealed, start, end, requests, sent, received, cause, message: text(message), unverified, units: [],
  }));
  const finished = (unit) => {
    const { host, name, id, directory, standing, start, end, more } = unit;
    unit.why = unit.message || unit.warnings.join("; ");
    unit.took = start === null ? null : (end === null ? data.to : end) - start;
    unit.requests = more ? more[6] : null;
    unit.hay = [host.host, host.name || "", name, id, directory, unit.why, STANDINGS[standing].name, STANDINGS[standing].words]
      .join("\n").toLowerCase();
    return unit;
  };
  const units = data.units.map((u, index) => {
    const [number, host, kind, id, name, verb, directory, standing, tries, start, end, cause, message, hint, code, warnings, more] = u;
    const unit = finished({
      index, number, host: hosts[host], kind, id, name, verb, directory, standing, tries, start, end, cause,
      message: text(message), hint: text(hint), code, warnings: warnings.map(text), more,
    });
    unit.host.units.push(unit);
    return unit;
  });
  // Of a host that could not be worked with, or was not looked at, no unit may be known: it has a row of its own.
  const [FAILED, OUTSTANDING] = ["failed", "outstanding"].map((name) => STANDINGS.findIndex((one) => one.name === name));
  const wholes = hosts.filter((host) => host.state !== 1 || host.cause >= 0).map((host, at) => finished({
    index: units.length + at, number: null, host, kind: "host", id: "", name: "(whole host)", verb: "", directory: "",
    standing: host.state === 0 ? OUTSTANDING : FAILED, tries: 0, start: host.start, end: host.end, cause: host.cause,
    message: host.message || (host.state === 0 ? "not looked at" : ""), hint: "", code: null, warnings: [], more: null,
  }));
  wholes.forEach((whole) => { whole.host.whole = whole; });
  const all = [...units, ...wholes];

  // ---- words

  const element = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "class") made.className = value;
      else if (name === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };
  const bdi = (words) => element("bdi", null, words);
  const mark = (standing) => element("i", { class: `mark of-${STANDINGS[standing].name}`, "aria-hidden": "true" }, STANDINGS[standing].mark);
  const standingWords = (standing) => element("span", { class: "standing" }, mark(standing), STANDINGS[standing].words);
  const clock = (ms) => {
    const all = Math.max(0, Math.floor(ms / 1000));
    const two = (n) => String(n).padStart(2, "0");
    const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  };
  const octets = (n) => {
    const names = ["B", "KiB", "MiB", "GiB"];
    let at = 0;
    while (n >= 1024 && at < names.length - 1) { n /= 1024; at += 1; }
    return `${at ? n.toFixed(1) : n} ${names[at]}`;
  };

  // ---- times: of this place, or in UTC

  const here = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  let zone = here;
  let long, short;
  const setZone = (name) => {
    zone = name;
    long = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
    short = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, timeStyle: data.to > 20 * 3600e3 ? "short" : "medium" });
  };
  setZone(here);
  const moment = (ms) => (ms === null ? "" : `${long.format(data.from + ms)} ${zone}`);
  const brief = (ms) => (ms === null ? "" : data.to > 20 * 3600e3 ? long.format(data.from + ms) : short.format(data.from + ms));
  const showTimes = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      time.textContent = `${long.format(new Date(time.dateTime))} ${zone}`;
    }
    byId("zone").textContent = zone === "UTC" && here !== "UTC" ? `Times: UTC (show ${here})` : here === "UTC" ? "Times: UTC" : `Times: ${here} (show UTC)`;
  };

  // ---- light and dark

  const THEMES = ["system", "light", "dark"];
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* a page from a file may not be let to */ } };
  const setTheme = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    byId("theme").textContent = `Theme: ${theme}`;
  };
  setTheme(THEMES.includes(kept("refpoint-theme")) ? kept("refpoint-theme") : "system");
  byId("theme").addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || "system";
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    setTheme(next);
    keep("refpoint-theme", next);
  });
  byId("zone").addEventListener("click", () => { setZone(zone === "UTC" ? here : "UTC"); showTimes(); drawTable(); drawLanes(true); });

  // ---- what is shown

  const filter = { text: "", standings: new Set(), cause: -1 };
  const sort = { by: "standing", down: false };
  let shown = all;
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const COLUMNS = [
    { key: "standing", title: "Outcome", order: (a, b) => a.standing - b.standing, cell: (u) => standingWords(u.standing) },
    { key: "name", title: "Unit", class: "name", order: (a, b) => compare(a.name, b.name),
      cell: (u) => element("button", { type: "button", class: "link", "data-unit": u.index }, bdi(u.name || u.id)) },
    { key: "host", title: "Host", order: (a, b) => compare(a.host.host, b.host.host), cell: (u) => bdi(u.host.host) },
    { key: "start", title: "Began", class: "clip wide", order: (a, b) => (a.start ?? Infinity) - (b.start ?? Infinity), cell: (u) => brief(u.start) },
    { key: "took", title: "Took", class: "number", order: (a, b) => (a.took ?? -1) - (b.took ?? -1), cell: (u) => (u.took === null ? "" : clock(u.took)) },
    { key: "tries", title: "Tries", class: "number wide", order: (a, b) => a.tries - b.tries, cell: (u) => (u.tries ? String(u.tries) : "") },
    { key: "requests", title: "Requests", class: "number wide", order: (a, b) => (a.requests ?? -1) - (b.requests ?? -1), cell: (u) => (u.requests === null ? "" : String(u.requests)) },
    { key: "why", title: "Why", class: "why", order: (a, b) => compare(a.why, b.why), cell: (u) => bdi(u.why) },
  ];
  const matches = (unit, words) =>
    (filter.standings.size === 0 || filter.standings.has(unit.standing)) &&
    (filter.cause < 0 || unit.cause === filter.cause) &&
    words.every((word) => unit.hay.includes(word));
  const choose = () => {
    const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
    const { order } = COLUMNS.find((column) => column.key === sort.by);
    const sign = sort.down ? -1 : 1;
    shown = all.filter((unit) => matches(unit, words));
    shown.sort((a, b) => sign * order(a, b) || a.index - b.index);
  };

  const PAGE = 100;
  let limit = PAGE;
  let arranging = 0;
  const drawTable = () => {
    // The roles are said once more: laid out for a narrow window, a table is none for every reader.
    const head = element("tr", { role: "row" }, ...COLUMNS.map((column) => {
      const sorted = sort.by === column.key ? (sort.down ? "descending" : "ascending") : null;
      return element("th", { scope: "col", role: "columnheader", class: column.class, "aria-sort": sorted },
        element("button", { type: "button", "data-sort": column.key }, column.title));
    }));
    const body = element("tbody", { role: "rowgroup" }, ...shown.slice(0, limit).map((unit) =>
      element("tr", { role: "row", "data-unit": unit.index }, ...COLUMNS.map((column) =>
        element("td", { role: "cell", class: column.class }, column.cell(unit))))));
    const parts = [element("table", { role: "table", "aria-label": "Units" }, element("thead", { role: "rowgroup" }, head), body)];
    if (shown.length === 0) parts.push(element("p", { class: "nothing" }, all.length ? "No unit matches." : "No unit is known."));
    if (shown.length > limit) {
      parts.push(element("p", { class: "more" },
        element("button", { type: "button", id: "show-more" }, `Show ${Math.min(PAGE, shown.length - limit)} more`),
        element("button", { type: "button", id: "show-all" }, `Show all ${shown.length}`)));
    }
    byId("table").replaceChildren(...parts);
    const seen = shown.filter((unit) => unit.kind !== "host").length;
    const hostsSeen = shown.length - seen;
    const of = (seen === units.length ? `${seen} units` : `${seen} of ${units.length} units`) +
      (hostsSeen ? `, ${hostsSeen} whole host${hostsSeen === 1 ? "" : "s"}` : "");
    const cause = filter.cause >= 0 ? `, cause: ${data.causes[filter.cause][1]}` : "";
    byId("shown").textContent = of + cause;
    byId("clear").hidden = !(filter.text || filter.standings.size || filter.cause >= 0);
  };
  const refresh = () => {
    limit = PAGE;
    choose();
    drawTable();
    // The lanes come with the next frame: whoever types fast does not wait for them.
    if (!arranging) arranging = requestAnimationFrame(() => { arranging = 0; arrange(); });
    for (const chip of document.querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(filter.standings.has(Number(chip.dataset.standing))));
    }
  };
  byId("table").addEventListener("click", (event) => {
    const sorted = event.target.closest("[data-sort]");
    if (sorted) {
      const by = sorted.dataset.sort;
      sort.down = sort.by === by ? !sort.down : false;
      sort.by = by;
      choose();
      drawTable();
      document.querySelector(`[data-sort="${by}"]`).focus();
      return;
    }
    if (event.target.id === "show-more") { limit += PAGE; drawTable(); return; }
    if (event.target.id === "show-all") { limit = Infinity; drawTable(); return; }
    if (String(getSelection())) return;
    const row = event.target.closest("[data-unit]");
    if (row) showUnit(all[Number(row.dataset.unit)]);
  });
  byId("text").addEventListener("input", (event) => { filter.text = event.target.value; refresh(); });
  byId("clear").addEventListener("click", () => {
    filter.text = byId("text").value = "";
    filter.standings.clear();
    filter.cause = -1;
    refresh();
    byId("text").focus();
  });
  const counts = STANDINGS.map((_, standing) => units.filter((unit) => unit.standing === standing).length);
  STANDINGS.forEach(({ words }, standing) => {
    if (!counts[standing]) return;
    byId("chips").append(element("button", {
      type: "button", class: "chip", "data-standing": standing, "aria-pressed": "false",
      on: { click: () => {
        if (!filter.standings.delete(standing)) filter.standings.add(standing);
        refresh();
      } },
    }, mark(standing), `${words} ${counts[standing]}`));
    byId("legend").append(element("span", null, mark(standing), words));
  });
  const goToUnits = () => byId("units").scrollIntoView();
  for (const tile of document.querySelectorAll("a[data-standing]")) {
    tile.addEventListener("click", (event) => {
      event.preventDefault();
      filter.standings = new Set([Number(tile.dataset.standing)]);
      filter.cause = -1;
      refresh();
      goToUnits();
    });
  }
  for (const button of document.querySelectorAll("button[data-cause]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      filter.cause = Number(button.dataset.cause);
      filter.standings.clear();
      refresh();
      goToUnits();
    });
  }
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    });
  }

  // ---- one unit

  const dialog = byId("details");
  let open = null;
  const fact = (list, name, value, mono) => {
    if (value === null || value === undefined || value === "") return;
    list.append(element("dt", null, name), element("dd", mono ? { class: "mono" } : null, typeof value === "string" ? bdi(value) : value));
  };
  const showUnit = (unit) => {
    open = unit;
    const body = byId("details-body");
    body.replaceChildren(element("h2", { id: "details-title" }, mark(unit.standing), bdi(unit.name || unit.id),
      element("span", { class: "standing" }, STANDINGS[unit.standing].words)));
    if (unit.message || unit.hint || unit.warnings.length) {
      const next = unit.hint || (unit.cause >= 0 ? data.causes[unit.cause][2] : "");
      body.append(element("div", { class: "says" },
        unit.message ? element("p", null, bdi(unit.message)) : null,
        ...unit.warnings.map((warning) => element("p", null, "Warning: ", bdi(warning))),
        next ? element("p", null, element("b", null, "Next: "), bdi(next)) : null));
    }
    const list = element("dl");
    const { host } = unit;
    fact(list, "Host", host.name && host.name.toLowerCase() !== host.host.toLowerCase() ? `${host.host} (${host.name})` : host.host);
    fact(list, unit.kind === "group" ? "Group" : "Machine", unit.id, true);
    fact(list, "Directory", unit.directory, true);
    fact(list, "Began", moment(unit.start));
    fact(list, "Ended", moment(unit.end));
    fact(list, "Took", unit.took === null ? "" : clock(unit.took));
    fact(list, "Tries", unit.tries ? String(unit.tries) : "");
    fact(list, "Code", unit.code === null ? "" : unit.code);
    body.append(list);
    if (unit.more) {
      const [point, base, returned, job, jobState, jobErrors, requests, sent, received, files] = unit.more;
      fact(list, "Point", point, true);
      fact(list, "Relative to", base || "nothing: all that the point has", Boolean(base));
      fact(list, "Returned", returned);
      fact(list, "Job", job, true);
      fact(list, "Job's state", jobState);
      fact(list, "Requests", `${requests} (${octets(sent)} sent, ${octets(received)} received)`);
      if (jobErrors.length) {
        body.append(element("h3", null, "What the job said"), element("ul", { class: "files" }, ...jobErrors.map((at) => element("li", null, bdi(text(at))))));
      }
      if (files.length) {
        body.append(element("h3", null, "Files on the host"),
          element("ul", { class: "files mono" }, ...files.map((file) => element("li", null, bdi(file.startsWith("\t") ? unit.directory + file.slice(1) : file)))));
      }
    }
    const reached = host.scheme ? `${host.scheme}${host.sealed ? ", messages encrypted by the login" : ""}` : "";
    fact(list, "Login", reached);
    fact(list, "Certificate", host.unverified ? `not verified (${host.unverified}): anybody on the way could be ${host.host}` : "");
    fact(list, "Host in all", host.requests ? `${host.requests} requests (${octets(host.sent)} sent, ${octets(host.received)} received)` : "");
    const place = shown.indexOf(unit);
    byId("place").textContent = place < 0 ? "" : `${place + 1} of ${shown.length}`;
    byId("previous").disabled = place <= 0;
    byId("next").disabled = place < 0 || place + 1 >= shown.length;
    if (unit.number !== null) history.replaceState(null, "", `#unit-${unit.number}`);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  };
  const step = (by) => {
    const to = shown[shown.indexOf(open) + by];
    if (open && to) showUnit(to);
  };
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", () => {
    open = null;
    history.replaceState(null, "", location.pathname + location.search);
  });
  const openFromAddress = () => {
    const found = /^#unit-(\d+)$/.exec(location.hash);
    const unit = found && units.find(({ number }) => number === Number(found[1]));
    if (unit) showUnit(unit);
  };
  addEventListener("hashchange", openFromAddress);
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing && !dialog.open) {
      event.preventDefault();
      byId("text").focus();
    }
  });

  // ---- the timeline: lanes of which only those in sight are in the document

  const ROW = 16;
  const AXIS = 26;
  const lanes = byId("lanes");
  const inner = byId("lanes-inner");
  const span = Math.max(1, data.to);
  let order = [];
  let tops = [];
  let zoom = 1;
  let focused = null;
  let drawn = "";
  for (const host of hosts) {
    // Units that overlap stand below each other.
    const rows = [];
    host.bars = host.units.filter((unit) => unit.start !== null).sort((a, b) => a.start - b.start);
    for (const unit of host.bars) {
      const end = unit.start + unit.took;
      let row = rows.findIndex((free) => free <= unit.start);
      if (row < 0) row = rows.push(0) - 1;
      rows[row] = end;
      unit.row = row;
    }
    host.rows = Math.max(1, rows.length);
    host.worst = host.units.reduce((worst, unit) => Math.min(worst, unit.standing), host.whole ? host.whole.standing : STANDINGS.length - 1);
    host.length = host.units.reduce((sum, unit) => sum + (unit.took || 0), 0);
    host.begins = host.start ?? Infinity;
  }
  const ORDERS = {
    ill: (a, b) => a.worst - b.worst || a.begins - b.begins,
    start: (a, b) => a.begins - b.begins,
    long: (a, b) => b.length - a.length,
    name: (a, b) => compare(a.host, b.host),
  };
  const arrange = () => {
    const wanted = new Set(shown);
    const some = shown.length < all.length;
    order = hosts.filter((host) => !some || wanted.has(host.whole) || host.units.some((unit) => wanted.has(unit)));
    order.sort((a, b) => ORDERS[byId("lane-order").value](a, b) || compare(a.host, b.host));
    let top = AXIS;
    tops = order.map((host) => {
      const at = top;
      top += host.rows * ROW + 7;
      return at;
    });
    tops.push(top);
    inner.style.height = `${top + 2}px`;
    inner.style.width = `${zoom * 100}%`;
    drawLanes(true);
  };
  const axis = () => {
    const line = element("div", { class: "axis" });
    const track = element("div", { class: "track" });
    const parts = Math.max(2, Math.round(lanes.clientWidth / 160) * zoom);
    for (let at = 0; at < parts; at += 1) {
      const label = element("span", null, brief((span * at) / parts));
      label.style.left = `calc(var(--label) + (100% - var(--label) - .6rem) * ${at / parts})`;
      line.append(label);
    }
    line.append(track);
    return line;
  };
  const bar = (unit) => {
    const [left, width] = [(unit.start / span) * 100, Math.max(0, (unit.took / span) * 100)];
    const { name, words, mark: letter } = STANDINGS[unit.standing];
    const made = element("button", {
      type: "button", class: `bar of-${name}`, "data-unit": unit.index, tabindex: unit === focused ? "0" : "-1",
      "aria-label": `${unit.name} on ${unit.host.host}: ${words}, ${clock(unit.took)}`,
    }, (width / 100) * lanes.clientWidth * zoom > 13 ? letter : "");
    made.style.left = `min(${left}%, 100% - 5px)`;
    made.style.width = `${width}%`;
    made.style.top = `${unit.row * ROW + 4}px`;
    return made;
  };
  const lane = (host, at) => {
    const track = element("div", { class: "track" }, ...host.bars.filter((unit) => inSight.has(unit)).map(bar));
    if (!host.bars.length) {
      const words = host.message || (host.state === 0 ? "not looked at" : host.units.length ? "not begun" : "nothing to do");
      track.append(element("span", { class: "note" }, bdi(words)));
    }
    const made = element("div", { class: "lane" }, element("div", { class: "label", title: host.host }, mark(host.worst), bdi(host.host)), track);
    made.style.top = `${tops[at]}px`;
    made.style.height = `${tops[at + 1] - tops[at]}px`;
    return made;
  };
  let inSight = new Set();
  const laneAt = (y) => {
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tops[middle + 1] <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const drawLanes = (anew) => {
    const first = Math.max(0, laneAt(lanes.scrollTop) - 6);
    const last = Math.min(order.length, laneAt(lanes.scrollTop + lanes.clientHeight) + 7);
    const key = `${first}-${last}`;
    if (!anew && key === drawn) return;
    drawn = key;
    if (anew) inSight = new Set(shown);
    if (!focused || !order.includes(focused.host)) focused = (order.find((host) => host.bars.length) || { bars: [null] }).bars[0];
    const had = document.activeElement && lanes.contains(document.activeElement);
    const made = [];
    for (let at = first; at < last; at += 1) made.push(lane(order[at], at));
    inner.replaceChildren(axis(), ...made);
    if (had) focusBar();
  };
  const focusBar = () => {
    for (const one of inner.querySelectorAll(".bar")) one.tabIndex = Number(one.dataset.unit) === focused.index ? 0 : -1;
    const found = inner.querySelector(`.bar[data-unit="${focused.index}"]`);
    if (found) found.focus({ preventScroll: true });
  };
  const moveTo = (unit) => {
    focused = unit;
    const at = order.indexOf(unit.host);
    if (tops[at] - AXIS < lanes.scrollTop) lanes.scrollTop = tops[at] - AXIS;
    if (tops[at + 1] > lanes.scrollTop + lanes.clientHeight) lanes.scrollTop = tops[at + 1] - lanes.clientHeight;
    drawLanes(false);
    focusBar();
  };
  lanes.addEventListener("scroll", () => requestAnimationFrame(() => drawLanes(false)), { passive: true });
  lanes.addEventListener("click", (event) => {
    const found = event.target.closest(".bar");
    if (!found) return;
    focused = units[Number(found.dataset.unit)];
    focusBar();
    hideTip();
    showUnit(focused);
  });
  lanes.addEventListener("keydown", (event) => {
    if (!focused || !event.target.closest(".bar")) return;
    const seen = (host) => host.bars.filter((unit) => inSight.has(unit));
    const bars = seen(focused.host);
    const at = bars.indexOf(focused);
    const nextLane = (by) => {
      for (let to = order.indexOf(focused.host) + by; to >= 0 && to < order.length; to += by) {
        const there = seen(order[to]);
        if (there.length) return there.reduce((best, unit) => (Math.abs(unit.start - focused.start) < Math.abs(best.start - focused.start) ? unit : best));
      }
      return null;
    };
    const to = { ArrowLeft: () => bars[at - 1], ArrowRight: () => bars[at + 1], ArrowUp: () => nextLane(-1), ArrowDown: () => nextLane(1) }[event.key];
    if (!to) return;
    event.preventDefault();
    const unit = to();
    if (unit) moveTo(unit);
  });
  byId("lane-order").addEventListener("change", () => { lanes.scrollTop = 0; arrange(); });
  byId("zoom").addEventListener("change", (event) => { zoom = Number(event.target.value); arrange(); });
  addEventListener("resize", () => drawLanes(true));

  const tip = byId("tip");
  const hideTip = () => { tip.hidden = true; };
  const showTip = (found) => {
    const unit = units[Number(found.dataset.unit)];
    tip.replaceChildren(element("b", null, bdi(unit.name), " on ", bdi(unit.host.host)),
      `${STANDINGS[unit.standing].words} · ${brief(unit.start)} · ${clock(unit.took)}`,
      unit.why ? element("div", null, bdi(unit.why)) : null);
    tip.hidden = false;
    const [box, own] = [found.getBoundingClientRect(), tip.getBoundingClientRect()];
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - own.width - 8))}px`;
    tip.style.top = `${box.bottom + 8 + own.height > innerHeight ? box.top - own.height - 8 : box.bottom + 8}px`;
  };
  for (const [event, show] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
    lanes.addEventListener(event, ({ target }) => {
      const found = target.closest(".bar");
      if (found && show) showTip(found);
      else hideTip();
    });
  }

  const overview = () => {
    const BUCKETS = 200;
    const work = new Array(BUCKETS).fill(0);
    const ill = new Array(BUCKETS).fill(0);
    const bucket = (ms) => Math.max(0, Math.min(BUCKETS - 1, Math.floor((ms / span) * BUCKETS)));
    for (const unit of units) {
      if (unit.start === null) continue;
      for (let at = bucket(unit.start); at <= bucket(unit.start + unit.took); at += 1) work[at] += 1;
      if (unit.standing < 2 && unit.end !== null) ill[bucket(unit.end)] += 1;
    }
    const most = Math.max(1, ...work);
    const mostIll = Math.max(1, ...ill);
    const points = work.map((count, at) => `${(at * 1000) / BUCKETS},${100 - (count / most) * 92} ${((at + 1) * 1000) / BUCKETS},${100 - (count / most) * 92}`);
    const svg = (tag, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      return made;
    };
    byId("overview").replaceChildren(
      svg("polygon", { class: "at-work", points: `0,100 ${points.join(" ")} 1000,100` }),
      ...ill.map((count, at) => (count ? svg("rect", { class: "ill", x: (at * 1000) / BUCKETS, width: 1000 / BUCKETS, y: 100 - Math.max(6, (count / mostIll) * 40), height: 100 }) : null)).filter(Boolean));
    byId("overview-words").textContent = `Units at work over time, ${most} at most; red: units that ended failed or unknown. ${clock(span)} in all.`;
  };

  // ---- paper

  let before = PAGE;
  addEventListener("beforeprint", () => { before = limit; limit = Infinity; drawTable(); });
  addEventListener("afterprint", () => { limit = before; drawTable(); });

  for (const hidden of document.querySelectorAll(".switches, .controls, #timeline")) hidden.hidden = false;
  showTimes();
  overview();
  refresh();
  arrange();
  openFromAddress();
  document.documentElement.dataset.ready = "yes";
})();
