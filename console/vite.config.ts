import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const OPENAPI = new URL("../docs/openapi.json", import.meta.url);
const PREFIX = "openapi:";

/** `import TeamIn from "openapi:TeamIn"`: a schema of docs/openapi.json without references, for forms. */
function openapiSchemas(): Plugin {
  const { schemas } = JSON.parse(readFileSync(OPENAPI, "utf8")).components;
  const inFull = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(inFull);
    if (typeof part !== "object" || part === null) return part;
    const { $ref, examples, example, ...own } = part as Record<string, unknown>;
    const named = typeof $ref === "string" ? (inFull(schemas[$ref.split("/").pop() as string]) as object) : {};
    return { ...named, ...Object.fromEntries(Object.entries(own).map(([name, value]) => [name, inFull(value)])) };
  };
  return {
    name: "openapi-schemas",
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : null),
    load: (id) => (id.startsWith(`\0${PREFIX}`) ? `export default ${JSON.stringify(inFull(schemas[id.slice(PREFIX.length + 1)]))}` : null),
  };
}

// The build is committed: Flask serves it, and nobody needs Node to run or test the project.
export default defineConfig({
  base: "/console/",
  plugins: [react(), openapiSchemas()],
  build: {
    outDir: "../app/api/console/static",
    emptyOutDir: true,
    license: { fileName: "licenses.md" }, // of the packages whose code is in the build
    assetsDir: "",
    assetsInlineLimit: 0, // the policy allows no inline code
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    target: "es2022",
    rollupOptions: {
      output: {
        entryFileNames: "[name]-[hash:8].js",
        chunkFileNames: "[name]-[hash:8].js",
        assetFileNames: "[name]-[hash:8][extname]",
      },
    },
  },
});
