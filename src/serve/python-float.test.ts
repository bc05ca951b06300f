import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonFloat, pythonList } from "./python-float.ts";

test("doubles are printed as Python prints them", () => {
  const table: [number, string][] = [
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [-2.5, "-2.5"],
    [0.1, "0.1"],
    [0.001, "0.001"],
    [0.0001, "0.0001"],
    [0.00012345, "0.00012345"],
    [0.00009999, "9.999e-05"],
    [0.00001, "1e-05"],
    [1e-7, "1e-07"],
    [1e-10, "1e-10"],
    [1.5e-100, "1.5e-100"],
    [5e-324, "5e-324"],
    [8.218669245252386e-5, "8.218669245252386e-05"],
    [0.9388836622238159, "0.9388836622238159"],
    [123456789, "123456789.0"],
    [123456.789, "123456.789"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.2345e20, "1.2345e+20"],
    [1e22, "1e+22"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [Number.NaN, "nan"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ];
  assert.deepEqual(
    table.map(([value]) => pythonFloat(value)),
    table.map(([, text]) => text),
  );
});

test("probabilities are float32 values, widened and joined by comma and space", () => {
  const probabilities = Float32Array.from([0.93888366, 0.061116308]);
  assert.equal(pythonList(probabilities), "[0.9388836622238159, 0.061116307973861694]");
});
