// Call the running server with the types that openapi-typescript makes of its document. tests/test_clients.py checks
// the types, runs this as `node client.js ADDRESS KEY`, and reads what it prints.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

const [address, key] = process.argv.slice(2) as [string, string];
const stranger = createClient<paths>({ baseUrl: address });
const client = createClient<paths>({ baseUrl: address, headers: { token: key } });

const block: components["schemas"]["Block"] = {
  median_income_in_block: 8.3252,
  median_house_age_in_block: 41,
  average_rooms: 6.98,
  average_bedrooms: 1.02,
  population_per_block: 322,
  average_house_occupancy: 2.56,
  block_latitude: 37.88,
  block_longitude: -122.23,
};

const note = (await client.POST("/notes/", { body: { text: "by TypeScript" } })).data!;
const notes = (await client.GET("/notes/", { params: { query: { limit: 10 } } })).data!;
const account = { email: "grace@example.org", password: "a long passphrase" };
const user = (await client.POST("/accounts/users", { body: account })).data!;
const item = (
  await client.POST("/accounts/users/{id}/items", {
    params: { path: { id: user.id } },
    body: { title: "a compiler" },
  })
).data!;
const missing = (await client.GET("/notes/{id}", { params: { path: { id: 999_999 } } })).error!;

// The types bite: each of these lines is refused unless an error is found in the line below it.
// @ts-expect-error A note has a text.
const nothing = await client.POST("/notes/", { body: {} });
// @ts-expect-error An id is a number.
const id: string = note.id;
// @ts-expect-error No app has this path.
const nowhere = await client.GET("/nowhere");

const mounts = ["/house_price/predict", "/v1/house_price/predict", "/valuation/predict"] as const;
const predictions: Record<string, number> = {};
const refusals: Record<string, number> = {};
for (const mount of mounts) {
  const { data } = await client.POST(mount, { body: block });
  const currency: "USD" | undefined = data!.currency;
  predictions[`${mount} ${currency}`] = data!.median_house_value;
  refusals[mount] = (await stranger.POST(mount, { body: block })).response.status;
}

const refused = [nothing.response.status, nowhere.response.status, typeof id];
console.log(JSON.stringify({ note, notes, user, item, missing, refused, predictions, refusals }));
