/** The module under its second name. */

export * from "./moksori.js";
export { default } from "./moksori.js";
