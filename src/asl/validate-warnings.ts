import type { Json } from "../kit/json.ts";
import type { Language } from "./fields.ts";
import { type Check, type Fields, isObject } from "./validate-check.ts";

/* What is allowed and probably not meant. Codes and their meaning are documented, the sentences are guesses. */

const templates = ["Parameters", "ResultSelector", "ItemSelector", "Assign"];
const pathTwins = ["Error", "Cause"];
const looksLikePath = /^\$(\$|\.|\[|$)/;
const looksLikeCall = /^States\.[A-Z]\w+\(.*\)$/s;

export function warnOfState(
  check: Check,
  state: Fields,
  { path, language }: { path: string; language: Language },
): void {
  if (language === "JSONata") return;
  for (const field of templates) warnOfTemplate(check, state[field], `${path}/${field}`);
  for (const field of pathTwins) {
    const text = state[field];
    if (typeof text !== "string" || !(looksLikePath.test(text) || looksLikeCall.test(text))) continue;
    check.warn(
      "NO_PATH",
      `The value of '${field}' looks like a path; a path stands in '${field}Path'`,
      `${path}/${field}`,
    );
  }
  if (state["Type"] === "Pass" && holdsPath(state["Result"])) {
    check.warn("PASS_RESULT_IS_STATIC", "Paths in a Result are not evaluated; use Parameters", `${path}/Result`);
  }
}

function warnOfTemplate(check: Check, node: Json | undefined, path: string): undefined {
  if (Array.isArray(node)) for (const item of node) warnOfTemplate(check, item, path);
  if (!isObject(node)) return;
  for (const [name, value] of Object.entries(node)) {
    if (name.endsWith(".$")) continue;
    if (typeof value === "string" && (looksLikePath.test(value) || looksLikeCall.test(value))) {
      check.warn(
        "NO_DOLLAR",
        `The value of '${name}' looks like a path or an intrinsic; its name must end in '.$'`,
        `${path}/${name}`,
      );
    } else warnOfTemplate(check, value, path);
  }
}

function holdsPath(node: Json | undefined): boolean {
  if (typeof node === "string") return looksLikePath.test(node) || looksLikeCall.test(node);
  if (Array.isArray(node)) return node.some(holdsPath);
  return isObject(node) && Object.entries(node).some(([name, value]) => name.endsWith(".$") || holdsPath(value));
}
