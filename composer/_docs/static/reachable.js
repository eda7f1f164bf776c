"use strict";

// The part of a document that one of its operations needs. To resolve one operation, Swagger UI processes the whole
// document, which takes seconds for thousands of operations; with this part, it takes milliseconds.
composed.reachable = (() => {
  const REFERENCES = ["$ref", "$dynamicRef", "operationRef"];

  const unescaped = (part) => decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~");

  // Return a document with only the object at the path and what it refers to; the whole document if there is a
  // reference other than a JSON pointer.
  function reachable(whole, path) {
    const part = { ...whole, paths: {}, components: {}, webhooks: {} };
    const waiting = [];
    const seen = new Set();

    const take = (keys) => {
      const [top, ...rest] = keys.slice(0, keys[0] === "components" ? 3 : 2);
      if (!["paths", "webhooks", "components"].includes(top) || !rest.length) return;
      let [from, to] = [whole[top], part[top]];
      for (const key of rest.slice(0, -1)) [from, to] = [from?.[key], (to[key] ??= {})];
      const last = rest.at(-1);
      if (from === undefined || !Object.hasOwn(from, last) || Object.hasOwn(to, last)) return;
      to[last] = from[last];
      waiting.push(from[last]);
    };

    const refer = (to) => {
      if (!to.startsWith("#/")) return false;
      take(to.slice(2).split("/").map(unescaped));
      return true;
    };

    take(path);
    while (waiting.length) {
      const value = waiting.pop();
      if (value === null || typeof value !== "object" || seen.has(value)) continue;
      seen.add(value);
      for (const [key, child] of Object.entries(value)) {
        if (typeof child !== "string") waiting.push(child);
        else if (REFERENCES.includes(key) && !refer(child)) return whole;
        else if (key === "operationId") operation(child, value);
        else if (child.startsWith("#/components/")) refer(child); // a discriminator's mapping
      }
    }
    return part;

    // A link refers to its operation by id.
    function operation(id, named) {
      if (named.responses !== undefined) return;
      for (const [path, item] of Object.entries(whole.paths || {})) {
        if (Object.values(item).some((each) => each?.operationId === id)) take(["paths", path]);
      }
    }
  }

  return (whole, path) => {
    try {
      return reachable(whole, path);
    } catch {
      return whole; // malformed; Swagger UI reports why
    }
  };
})();
