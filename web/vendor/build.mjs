// Bundles the third-party modules of the pages into web/static/vendor/ and writes what they are into manifest.json.
//
//   cd web/vendor && npm ci && npm run build
//
// The output is committed, so that installing the product needs neither Node nor the network. A test compares the
// sha256 in the manifest with the file; running this again must change nothing.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = new URL("./", import.meta.url);
const output = new URL("../static/vendor/", here);

/** @param {string} name */
async function packageOf(name) {
  return JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, here), "utf8"));
}

await build({
  entryPoints: [fileURLToPath(new URL("lit.entry.js", here))],
  outfile: fileURLToPath(new URL("lit.js", output)),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "eof",
  charset: "utf8",
});

const parts = [];
for (const name of ["lit", "lit-element", "lit-html", "@lit/reactive-element"]) {
  const { version, license } = await packageOf(name);
  parts.push({ name, version, licence: license });
}
const bytes = await readFile(new URL("lit.js", output));
const manifest = {
  "lit.js": { contains: parts, sha256: createHash("sha256").update(bytes).digest("hex") },
};
await writeFile(new URL("manifest.json", output), `${JSON.stringify(manifest, null, 2)}\n`);
