"use strict";

// Shared by both pages: the document, the app that each operation belongs to, the app menu, and the apps' states.
const composed = (() => {
  const configuration = JSON.parse(document.getElementById("configuration").textContent);
  const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
  const POLL_INTERVAL = 4000; // milliseconds between two requests for the apps' states

  // ReDoc creates some of its styles before it reads the option for the nonce, so every style element gets it.
  if (configuration.nonce) {
    const create = document.createElement.bind(document);
    document.createElement = (name, ...more) => {
      const node = create(name, ...more);
      if (name === "style") node.nonce = configuration.nonce;
      return node;
    };
  }

  // Requested before the viewer's script is loaded, so that both load at the same time.
  const loading = fetch(configuration.document, { headers: { Accept: "application/json" } }).then((answer) => {
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText} ${configuration.document}`);
    return answer.json();
  });
  loading.catch(() => {}); // reported by the code that awaits it

  function element(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  // The apps and operations of a document. An operation belongs to the app with the longest matching prefix, by whole
  // segments; an operation of no app belongs to the root.
  class Catalogue {
    constructor(api, entries) {
      this.api = api;
      this.entries = new Map(entries.map((entry) => [entry.name, entry]));
      this.appInfo = api["x-apps"] || {};
      this._prefixes = this._findPrefixes();
      this.root = Object.keys(this.appInfo).find((name) => !this.entries.has(name)) || this._free("root");
      this.operations = this._findOperations();
      if (this.operations.some((operation) => operation.app === this.root)) {
        const root = { name: this.root, prefix: "/", title: api.info?.title || "", own: true, shown: true };
        this.entries = new Map([[this.root, root], ...this.entries]);
      }
      this.byApp = new Map([...this.entries.keys()].map((name) => [name, []]));
      for (const operation of this.operations) this.byApp.get(operation.app).push(operation);
    }

    _free(name) {
      return this.entries.has(name) ? this._free(`${name}_`) : name;
    }

    _findPrefixes() {
      const shown = [...this.entries.values()].filter((entry) => entry.name in this.appInfo || entry.shown);
      return new Map(shown.map((entry) => [entry.prefix.replace(/\/+$/, ""), entry.name]));
    }

    appOf(path) {
      for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
        const name = this._prefixes.get(path.slice(0, end));
        if (name !== undefined) return name;
      }
      return this._prefixes.get("") ?? this.root;
    }

    _findOperations() {
      const operations = [];
      for (const [path, item] of Object.entries(this.api.paths || {})) {
        const app = this.appOf(path);
        for (const method of METHODS.filter((name) => item[name])) {
          const { operationId: id = "", tags = [], summary = "" } = item[method];
          const title = this.entries.get(app)?.title || "";
          const text = [app, title, ...tags, method, path, summary, id].join("\n").toLowerCase();
          operations.push({ app, path, method, id, tags, text });
        }
      }
      return operations;
    }

    // The info of one app; that of the root is the document's own.
    infoOf(name) {
      return this.appInfo[name]?.info || this.api.info || {};
    }

    canChoose(name) {
      return this.byApp.get(name)?.length > 0;
    }

    // The operation that a link refers to: the part before the last "/" is an app or a tag, and decides between
    // operations with the same id. Both names may contain "/", escaped or not.
    operationOf(link) {
      const parts = link.replace(/^#!?\/?/, "").split("/").map(decoded);
      for (let last = 1; last < parts.length; last++) {
        const [before, id] = [parts.slice(0, last).join("/"), parts.slice(last).join("/")];
        const named = this.operations.filter((each) => each.id === id || `${each.method}-${each.path}` === id);
        const matches = (each) => each.app === before || (each.tags.length ? each.tags : ["default"]).includes(before);
        if (named.length) return named.find(matches) || named[0];
      }
      return undefined;
    }
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  // The labels beside an app's name.
  function labelsOf(entry) {
    if (entry.own) return [];
    return [entry.state, ...(entry.private ? ["private"] : []), ...(entry.fault && !entry.shown ? ["no document"] : [])];
  }

  function chosenInAddress() {
    return new URLSearchParams(location.search).get("app") || "";
  }

  function addressFor(name, hash = "") {
    const query = new URLSearchParams(location.search);
    query.delete("app");
    if (name) query.set("app", name);
    const text = query.toString();
    return `${location.pathname}${text ? `?${text}` : ""}${hash}`;
  }

  // The bar at the top of the page. `choose` is called with an app's name, or "" for all apps.
  class Bar {
    constructor(choose) {
      this._select = element("select", { id: "app" });
      this._select.addEventListener("change", () => choose(this._select.value));
      this._state = element("span", { class: "badges" });
      this._details = element("span", { class: "details" });
      const label = element("label", { for: "app" }, "App");
      this.node = element("header", { class: "bar" }, label, this._select, this._state, this._details);
      document.body.prepend(this.node);
    }

    show(catalogue, chosen) {
      const options = [...catalogue.entries.values()].map((entry) => {
        const labels = labelsOf(entry).filter((label) => label !== "up");
        const text = entry.name + (labels.length ? ` (${labels.join(", ")})` : "");
        const option = element("option", { value: entry.name }, text);
        option.disabled = !catalogue.canChoose(entry.name);
        return option;
      });
      this._select.replaceChildren(element("option", { value: "" }, "All apps"), ...options);
      this._select.value = chosen;
      const entry = catalogue.entries.get(chosen);
      this._state.replaceChildren(...(entry ? labelsOf(entry) : []).flatMap((label) => [badge(label), " "]));
      const details = entry ? [entry.owner && `owner: ${entry.owner}`, entry.description, entry.reason] : [];
      this._details.textContent = details.filter(Boolean).join(" · ");
    }
  }

  function badge(label) {
    return element("span", { class: "badge", "data-label": label }, label);
  }

  // Call `changed` with the apps whenever one of them has changed, as long as the page is visible.
  function watch(changed) {
    let before = JSON.stringify(configuration.apps);
    const ask = async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(configuration.states, { headers: { Accept: "application/json" } });
        const text = answer.ok ? await answer.text() : before;
        if (text !== before) changed(JSON.parse((before = text)));
      } catch {
        // The server is unreachable at the moment: keep the last known states.
      }
    };
    setInterval(ask, POLL_INTERVAL);
    document.addEventListener("visibilitychange", ask);
  }

  return { configuration, loading, Catalogue, Bar, element, badge, labelsOf, chosenInAddress, addressFor, watch };
})();
