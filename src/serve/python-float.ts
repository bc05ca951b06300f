/*
 * The built-in container prints its answer with Python, and people compare those texts. Both languages print the fewest
 * digits that read back as the same double; they differ in when they use an exponent and in how they write it.
 */

/** As Python's `repr(float)` prints a double: `1.0`, `0.0001`, `1e-05`, `1e+16`. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [mantissa, exponentText] = Math.abs(value).toExponential().split("e") as [string, string];
  const digits = mantissa.replace(".", "");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    const power = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${power}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** A list of float32 values as Python prints a list of floats: `[0.9388836622238159, 0.061116307973861694]`. */
export function pythonList(values: Float32Array): string {
  return `[${Array.from(values, pythonFloat).join(", ")}]`;
}
