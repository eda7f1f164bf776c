"use strict";

// ReDoc with the operations of all apps, grouped by app, or of one app.
(async () => {
  const { configuration, loading, Catalogue, Bar, element, badge, labelsOf, chosenInAddress, addressFor, watch } = composed;
  const MAX_OPERATIONS = 300; // ReDoc renders all operations at once: with more than this, the user chooses an app first

  const container = document.getElementById("redoc");
  const settings = { nonce: configuration.nonce, ...(configuration.apps ? { scrollYOffset: ".bar" } : {}) };
  const draw = (api) => Redoc.init(api, settings, container);
  let api;
  try {
    api = await loading;
  } catch (error) {
    const message = element("p", { class: "failed", role: "alert" }, `Failed to load the OpenAPI document: ${error.message}`);
    container.replaceChildren(message);
    return;
  }
  if (configuration.apps === null) {
    draw(api);
    return;
  }

  let catalogue = new Catalogue(api, configuration.apps);
  const bar = new Bar((name) => location.assign(addressFor(name)));
  const chosen = chosenOne();
  const all = element("ul");
  const onePage = !chosen && catalogue.operations.length <= MAX_OPERATIONS;
  if (onePage) bar.node.append(element("details", { class: "list" }, element("summary", {}, "App status"), all));
  show();
  if (chosen) draw(only(chosen));
  else if (onePage) draw(grouped());
  else list();
  watch((entries) => {
    catalogue = new Catalogue(api, entries);
    show();
    if (!chosen && !onePage) list();
  });
  // After going back, the browser may restore another app's name in the menu.
  addEventListener("pageshow", show);

  function show() {
    bar.show(catalogue, chosen);
    all.replaceChildren(...[...catalogue.entries.values()].map(row));
  }

  function chosenOne() {
    const asked = chosenInAddress();
    if (catalogue.canChoose(asked)) return asked;
    const [, id] = /operation\/(.+)$/.exec(decodeURIComponent(location.hash)) || [];
    const linked = catalogue.operations.length > MAX_OPERATIONS && catalogue.operations.find((each) => each.id === id);
    return linked ? linked.app : "";
  }

  function only(name) {
    const operations = catalogue.byApp.get(name);
    const kept = new Set(operations.flatMap((operation) => operation.tags));
    const { webhooks, ...rest } = api;
    return {
      ...rest,
      info: { ...api.info, ...catalogue.infoOf(name) },
      paths: Object.fromEntries(operations.map(({ path }) => [path, api.paths[path]])),
      tags: (api.tags || []).filter((tag) => kept.has(tag.name)),
      "x-tagGroups": undefined,
    };
  }

  // ReDoc groups by tag, so each operation gets one, and tags with the same name are separated by app.
  function grouped() {
    const users = new Map();
    for (const { app, tags } of catalogue.operations) {
      for (const tag of tags) users.set(tag, (users.get(tag) || new Set()).add(app));
    }
    const described = new Map((api.tags || []).map((tag) => [tag.name, tag]));
    const [named, groups] = [new Map(), new Map([...catalogue.entries.keys()].map((name) => [name, new Set()]))];
    const tagFor = (app, tag) => {
      const name = tag === undefined ? `${app} operations` : users.get(tag).size > 1 ? `${app} ${tag}` : tag;
      named.set(name, { ...described.get(tag), name, "x-displayName": described.get(tag)?.["x-displayName"] || tag || app });
      groups.get(app).add(name);
      return name;
    };
    const paths = { ...api.paths };
    for (const { app, path, method, tags } of catalogue.operations) {
      const own = (tags.length ? tags : [undefined]).map((tag) => tagFor(app, tag));
      paths[path] = { ...paths[path], [method]: { ...api.paths[path][method], tags: own } };
    }
    const filled = [...groups].filter(([, tags]) => tags.size > 0);
    return {
      ...api,
      paths,
      tags: [...named.values()],
      "x-tagGroups": filled.map(([name, tags]) => ({ name, tags: [...tags] })),
    };
  }

  function row(entry) {
    const count = catalogue.byApp.get(entry.name).length;
    const name = count ? element("a", { href: addressFor(entry.name) }, entry.name) : entry.name;
    const owner = entry.owner && `owner: ${entry.owner}`;
    const fault = entry.fault && `${entry.shown ? "Part of the " : ""}OpenAPI document not included: ${entry.fault}`;
    const title = entry.title !== entry.name && entry.title;
    const details = [title, count && `${count} operations`, owner, entry.description, entry.reason, fault].filter(Boolean);
    return element("li", {}, name, " ", ...labelsOf(entry).map(badge), element("div", {}, details.join(" · ")));
  }

  function list() {
    const heading = element("h1", {}, api.info?.title || "");
    const rows = [...catalogue.entries.values()].map(row);
    const everything = element("button", {}, `Show all ${catalogue.operations.length} operations on one page`);
    everything.addEventListener("click", () => draw(grouped()));
    container.replaceChildren(element("main", { class: "list" }, heading, element("ul", {}, ...rows), everything));
  }
})();
