import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The build is committed: Flask serves it, and nobody needs Node to run or test the project.
export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    outDir: "../app/api/console/static",
    emptyOutDir: true,
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
