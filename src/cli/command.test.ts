import assert from "node:assert/strict";
import { test } from "node:test";
import { type Command, helpOf, numberOption, parseInvocation, UsageError } from "./command.ts";
import { commands } from "./commands.ts";

const command: Command = {
  name: "bake",
  summary: "bake scones",
  examples: ["scones bake --minutes 12"],
  positionals: { name: "TRAY", description: "trays", isRepeated: true },
  options: { minutes: { type: "string", value: "NUMBER", description: "how long", default: "10" } },
  load: async () => assert.fail("parsing must not load a command"),
};

test("options and positionals are told apart", () => {
  const parsed = parseInvocation(command, ["one", "--minutes", "12", "two", "--json"]);
  assert.deepEqual(parsed.positionals, ["one", "two"]);
  assert.equal(parsed.options["minutes"], "12");
  assert.equal(parsed.options["json"], true);
});

test("what follows -- belongs to the program, even when it looks like an option", () => {
  assert.deepEqual(parseInvocation(command, ["--", "aws", "--version"]).positionals, ["aws", "--version"]);
});

test("an unknown option is a usage error that points to the help", () => {
  assert.throws(
    () => parseInvocation(command, ["--hours", "1"]),
    (error: Error) => error instanceof UsageError && /--hours.*scones bake --help/.test(error.message),
  );
});

test("a number out of its bounds is refused by name and value", () => {
  assert.throws(
    () => numberOption({ options: { minutes: "-1" } }, "minutes", { default: 10, min: 1, max: 60 }),
    /--minutes must be a number from 1 to 60, not "-1"/,
  );
});

test("a second argument where one is taken is refused, not ignored", () => {
  const one: Command = { ...command, positionals: { name: "TRAY", description: "a tray" } };
  assert.deepEqual(parseInvocation(one, ["a"]).positionals, ["a"]);
  assert.throws(() => parseInvocation(one, ["a", "b"]), /bake takes one TRAY, not 2/);
});

test("the help begins with a line to copy and names every option", () => {
  const help = helpOf(command);
  assert.equal(help.split("\n")[0], "  scones bake --minutes 12");
  assert.match(help, /--minutes NUMBER +how long \(default: 10\)/);
});

test("every command has a summary, an example and a module that runs", async () => {
  assert.ok(commands.length >= 11);
  for (const entry of commands) {
    assert.ok(entry.examples.length > 0 && entry.summary.length > 0, entry.name);
    assert.equal(typeof (await entry.load()).run, "function", entry.name);
  }
});
