// Builds web/dist: the page, the module under its two names, the widget, and the worklets, each a file of its own
// beside the others, so that a page's Content-Security-Policy needs no blob: and no inline script.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";
import { build } from "vite";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");
const common = { root, configFile: false, logLevel: "warn", base: "/" };

rmSync(dist, { recursive: true, force: true });

await build({
  ...common,
  build: {
    outDir: dist,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: {
        index: join(root, "index.html"),
        moksori: join(root, "src/moksori.ts"),
        "voice-realtime-client": join(root, "src/voice-realtime-client.ts"),
        widget: join(root, "src/widget/widget.ts"),
      },
      preserveEntrySignatures: "strict",
      output: {
        // All scripts lie beside each other: the worklets are found by the address of the one that needs them.
        entryFileNames: "[name].js",
        chunkFileNames: "[name]-[hash].js",
        assetFileNames: "[name]-[hash][extname]",
      },
    },
  },
});

for (const name of ["capture-worklet", "playback-worklet"]) {
  await build({
    ...common,
    publicDir: false,
    build: {
      outDir: dist,
      emptyOutDir: false,
      target: "es2022",
      lib: { entry: join(root, `src/worklets/${name}.ts`), formats: ["es"], fileName: () => `${name}.js` },
    },
  });
}

execFileSync(
  process.execPath,
  [
    join(root, "node_modules/typescript/bin/tsc"),
    ..."--noEmit false --declaration --emitDeclarationOnly --rootDir src".split(" "),
    ...["--outDir", join(dist, "types"), "--project", join(root, "tsconfig.build.json")],
  ],
  { stdio: "inherit" },
);
for (const name of ["moksori", "voice-realtime-client"]) {
  writeFileSync(join(dist, `${name}.d.ts`), `export * from "./types/moksori.js";\nexport { default } from "./types/moksori.js";\n`);
}
writeFileSync(join(dist, "widget.d.ts"), `export * from "./types/widget/widget.js";\n`);

for (const name of ["index.html", "moksori.js", "voice-realtime-client.js", "widget.js", "capture-worklet.js", "playback-worklet.js"]) {
  if (!existsSync(join(dist, name))) throw new Error(`The build made no ${name}.`);
}
console.log(`web/dist: ${readdirSync(dist).join(" ")}`);
