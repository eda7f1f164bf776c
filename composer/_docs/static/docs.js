"use strict";

// Swagger UI with the operations of all apps, grouped by app, or of one app, grouped by tag. Implemented with Swagger
// UI's plugins: https://swagger.io/docs/open-source-tools/swagger-ui/customization/plugin-api/
(() => {
  const { configuration, loading, Catalogue, Bar, element, labelsOf, chosenInAddress, addressFor, watch } = composed;
  const MAX_OPENED = 50; // a filter opens groups if it matches at most this many operations

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", colour);
  colour();

  const isExplicit = (name) => configuration.explicit.includes(name);
  const options = {
    ...configuration.parameters,
    presets: [SwaggerUIBundle.presets.apis],
    ...(configuration.redirect ? { oauth2RedirectUrl: location.origin + configuration.redirect } : {}),
  };
  if (configuration.apps === null) showOneApp();
  else showAllApps();

  // An app's own page, as FastAPI shows it.
  function showOneApp() {
    const plugin = (system) => ({ ...resolvesParts(system), statePlugins: readsJson() });
    started(SwaggerUIBundle({ url: configuration.document, ...options, plugins: [plugin] }));
  }

  function started(ui) {
    if (configuration.oauth) ui.initOAuth(configuration.oauth);
    return ui;
  }

  // Swagger UI parses JSON as YAML, which takes seconds instead of milliseconds. A document that is already parsed is
  // reused.
  function readsJson(known) {
    const parseToJson = (original, system) => (text) => {
      try {
        return system.specActions.updateJsonSpec(known || JSON.parse(text || system.specSelectors.specStr()));
      } catch {
        return original(text);
      }
    };
    return { spec: { wrapActions: { parseToJson } } };
  }

  function resolvesParts({ fn }) {
    const resolve = fn.resolveSubtree;
    const resolveSubtree = (document, path, more) => resolve(composed.reachable(document, path), path, more);
    return { fn: { resolveSubtree } };
  }

  async function showAllApps() {
    const bar = new Bar(choose);
    const filter = filterField();
    if (options.filter !== false) bar.node.append(filter.label, filter.input, filter.found);
    let api;
    try {
      api = await loading;
    } catch (error) {
      const message = element("p", { class: "failed", role: "alert" }, `Failed to load the OpenAPI document: ${error.message}`);
      document.getElementById("swagger-ui").replaceChildren(message);
      return;
    }
    let catalogue = new Catalogue(api, configuration.apps);
    const view = { chosen: valid(chosenInAddress()), filter: "", matches: null };

    const ui = started(
      SwaggerUIBundle({
        defaultModelsExpandDepth: 0,
        ...options,
        filter: true,
        plugins: [resolvesParts, plugin()],
      }),
    );
    ui.specActions.updateUrl(configuration.document);
    ui.specActions.updateLoadingStatus("success");
    ui.specActions.updateSpec("{}");
    bar.show(catalogue, view.chosen);
    if (typeof options.filter === "string") filter.input.value = options.filter;
    narrow();
    follow();

    filter.input.addEventListener("input", narrow);
    addEventListener("popstate", () => {
      turnTo(valid(chosenInAddress()));
      follow();
    });
    watch((entries) => {
      catalogue = new Catalogue(api, entries);
      redraw();
    });

    function valid(name) {
      return catalogue.canChoose(name) ? name : "";
    }

    function choose(name) {
      history.pushState(null, "", addressFor(name));
      turnTo(name);
    }

    function turnTo(name) {
      view.chosen = name;
      narrow();
    }

    function narrow() {
      view.filter = filter.input.value.trim().toLowerCase();
      view.matches = view.filter ? matching(view.filter.split(/\s+/)) : null;
      filter.found.textContent = view.matches ? `${view.matches.size} found` : "";
      redraw();
    }

    function matching(words) {
      const candidates = view.chosen ? catalogue.byApp.get(view.chosen) : catalogue.operations;
      const matched = candidates.filter((operation) => words.every((word) => operation.text.includes(word)));
      return new Set(matched.map(keyOf));
    }

    // Redraw what isn't part of Swagger UI's own state.
    function redraw() {
      bar.show(catalogue, view.chosen);
      ui.composedActions.redraw();
    }

    // Open what the URL refers to, and scroll there.
    function follow() {
      const hash = location.hash;
      if (!options.deepLinking || hash.length < 3) return;
      const operation = catalogue.operationOf(hash);
      if (operation === undefined) {
        const name = decodeURI(hash).replace(/^#!?\/?/, "").replace(/%2F/gi, "/");
        open(["operations-tag", name]);
        reveal(() => document.querySelector(`[data-tag="${CSS.escape(name)}"]`));
        return;
      }
      if (view.chosen && view.chosen !== operation.app) turnTo("");
      const group = view.chosen ? operation.tags[0] || "default" : operation.app;
      open(["operations-tag", group]);
      open(["operations", group, operation.id || `${operation.method}-${operation.path}`]);
      reveal(() => blockOf(operation));
    }

    // Swagger UI's own action would add an entry to the browser's history for each opened element.
    function open(thing) {
      ui.getStore().dispatch({ type: "layout_show", payload: { thing, shown: true } });
    }

    // Scroll there repeatedly while content around it is still being drawn, unless the user scrolls.
    function reveal(find) {
      const until = performance.now() + 1500;
      const away = new AbortController();
      for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
        addEventListener(kind, () => away.abort(), { once: true, signal: away.signal, passive: true });
      }
      const step = () => {
        if (away.signal.aborted) return;
        find()?.scrollIntoView();
        if (performance.now() < until) setTimeout(step, 50);
        else away.abort();
      };
      step();
    }

    function blockOf({ path, method }) {
      const paths = document.querySelectorAll(`.opblock-${method} [data-path="${CSS.escape(path)}"]`);
      return paths[0]?.closest(".opblock");
    }

    function keyOf({ path, method }) {
      return `${method} ${path}`;
    }

    function plugin() {
      const ofChosen = (read) => (original, system) =>
        (state, ...more) => read(system, () => original(state, ...more));
      return {
        fn: { opsFilter: (tagged) => tagged }, // the groups are already filtered
        components: { FilterContainer: () => null }, // the filter field is in the bar
        wrapComponents: { OperationTag: appGroups },
        statePlugins: {
          composed: {
            actions: { redraw: () => ({ type: "composed_redraw" }) },
            reducers: { composed_redraw: (state) => state.update("drawn", 0, (count) => count + 1) },
          },
          layout: {
            wrapActions: { parseDeepLinkHash: () => () => ({ type: "composed_follows_links_itself" }) },
          },
          spec: {
            wrapActions: readsJson(api).spec.wrapActions,
            wrapSelectors: {
              taggedOperations: ofChosen(groups()),
              specJS: () => () => api,
              info: ofChosen(info()),
              version: ofChosen((system, original) => (view.chosen ? system.specSelectors.info().get("version") : original())),
            },
          },
        },
      };
    }

    // The info at the top of the page: for all apps, only the root's own, because each app's group shows the app's.
    function info() {
      const cached = new Map();
      return (system, original) => {
        if (!Object.keys(catalogue.appInfo).length) return original();
        if (!cached.has(view.chosen)) {
          const info = view.chosen ? catalogue.infoOf(view.chosen) : { ...api.info, description: configuration.description };
          cached.set(view.chosen, system.Im.fromJS(info));
        }
        return cached.get(view.chosen);
      };
    }

    // The operations by app, or those of one app by tag; cached, because Swagger UI calls this on every render.
    function groups() {
      let [cached, cachedFor] = [null, []];
      return (system, original) => {
        const now = [system.specSelectors.operationsWithTags(), catalogue, view.chosen, view.matches];
        if (cached === null || now.some((value, index) => value !== cachedFor[index])) {
          [cached, cachedFor] = [view.chosen ? byTag(original()) : byApp(original(), system.Im), now];
        }
        return cached;
      };
    }

    function isShown(operation) {
      const [path, method] = [operation.get("path"), operation.get("method")];
      const isOfApp = !view.chosen || catalogue.appOf(path) === view.chosen;
      return isOfApp && (view.matches === null || view.matches.has(`${method} ${path}`));
    }

    function byTag(tagged) {
      const narrowed = tagged.map((group) => group.update("operations", (operations) => operations.filter(isShown)));
      return narrowed.filter((group) => group.get("operations").size > 0);
    }

    function byApp(tagged, Im) {
      const operations = new Map([...catalogue.entries.keys()].map((name) => [name, new Map()]));
      for (const group of tagged.values()) {
        for (const operation of group.get("operations")) {
          // An operation with several tags is shown once.
          if (isShown(operation)) operations.get(catalogue.appOf(operation.get("path"))).set(operation.get("id"), operation);
        }
      }
      const words = view.filter.split(/\s+/);
      const named = ([name, own]) => own.size > 0 || words.every((word) => name.toLowerCase().includes(word));
      const shown = [...operations].filter((each) => view.matches === null || named(each));
      const group = ([name, own]) => [name, Im.Map({ tagDetails: Im.Map(), operations: Im.List(own.values()) })];
      return Im.OrderedMap(shown.map(group));
    }

    function appGroups(Original, system) {
      const h = system.React.createElement;
      const Markdown = system.getComponent("Markdown", true);

      return function Group(props) {
        const entry = view.chosen ? undefined : catalogue.entries.get(props.tag);
        return entry === undefined ? h(Original, forced(props)) : h("section", { className: "opblock-tag-section" }, ...appGroup(entry, props));
      };

      // A filter opens the groups of tags too.
      function forced(props) {
        const isOpened = view.matches !== null && view.matches.size <= MAX_OPENED;
        return isOpened ? { ...props, getConfigs: () => ({ ...props.getConfigs(), docExpansion: "list" }) } : props;
      }

      function appGroup(entry, props) {
        const operations = props.tagObj.get("operations");
        const key = view.filter ? ["filtered", view.filter, entry.name] : ["operations-tag", entry.name];
        const expands = isExplicit("docExpansion") && options.docExpansion !== "none";
        const narrowed = view.matches !== null && view.matches.size <= MAX_OPENED;
        const isOpen = operations.size > 0 && props.layoutSelectors.isShown(key, expands || narrowed);
        const toggle = () => operations.size > 0 && props.layoutActions.show(key, !isOpen);
        const head = heading(entry, operations.size, isOpen, toggle);
        return isOpen ? [head, h("div", { key: "body" }, about(entry), ...byTags(props, operations))] : [head];
      }

      function heading(entry, count, isOpen, toggle) {
        const badges = labelsOf(entry).flatMap((label) => [" ", h("span", { key: label, className: "badge", "data-label": label }, label)]);
        const title = entry.title && entry.title !== entry.name ? entry.title : "";
        const facts = [
          title && h("span", { key: "title" }, title),
          h("code", { key: "prefix" }, entry.prefix),
          entry.owner && h("span", { key: "owner" }, `owner: ${entry.owner}`),
          count > 0 && h("span", { key: "count" }, count === 1 ? "1 operation" : `${count} operations`),
        ].filter(Boolean);
        const description = entry.description || (!entry.own && catalogue.appInfo[entry.name]?.info?.summary);
        const reasons = [
          description && h("p", { key: "description" }, String(description)),
          entry.reason && h("p", { key: "reason", className: "failed" }, entry.reason),
          entry.fault && h("p", { key: "fault", className: "failed" }, `${entry.shown ? "Part of the " : ""}OpenAPI document not included: ${entry.fault}`),
        ].filter(Boolean);
        const props = { className: "opblock-tag app", onClick: toggle, "data-tag": entry.name, "data-is-open": isOpen };
        const label = `${isOpen ? "Hide" : "Show"} the operations of ${entry.name}`;
        return h(
          "div",
          { key: "head", ...props, "data-empty": count === 0 },
          h("h3", {}, h("span", { className: "name" }, entry.name), ...badges),
          h("div", { className: "details" }, ...facts.flatMap((fact) => [fact, " "])),
          ...reasons,
          count > 0 && h("button", { className: "expand", "aria-expanded": isOpen, "aria-label": label, title: label }),
        );
      }

      function about(entry) {
        const text = entry.own ? "" : catalogue.appInfo[entry.name]?.info?.description;
        return text ? h("div", { key: "about", className: "about" }, h(Markdown, { source: text })) : null;
      }

      // The operations of an app's group, under the names of their tags if there are several.
      function byTags(props, operations) {
        const drawn = props.children.props.children;
        const tags = new Map();
        operations.forEach((operation, index) => {
          const tag = operation.getIn(["operation", "tags", 0]) || "default";
          tags.set(tag, [...(tags.get(tag) || []), drawn[index]]);
        });
        const several = tags.size > 1;
        return [...tags].map(([tag, own]) =>
          h("div", { key: tag, className: "operation-tag-content" }, several && h("h4", { className: "tag" }, tag), ...own),
        );
      }
    }
  }

  function filterField() {
    const input = element("input", { id: "filter", type: "search", autocomplete: "off", spellcheck: "false" });
    input.placeholder = "App, tag, path, summary or operation ID";
    const found = element("span", { class: "found", role: "status" });
    return { input, found, label: element("label", { for: "filter" }, "Filter") };
  }
})();
