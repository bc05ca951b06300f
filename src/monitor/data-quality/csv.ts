export interface CsvParser {
  /** The next part of the text, cut anywhere; answers the records that ended in it. */
  write(text: string): string[][];
  end(): string[][];
}

/** One record as large as this is a quote that was never closed. */
const longestRecord = 32 * 1024 * 1024;

/** Reads CSV as it arrives: quoted fields with commas, line ends and doubled quotes; empty lines are no records. */
export function createCsvParser(): CsvParser {
  let field = "";
  let record: string[] = [];
  let size = 0;
  let state: "start" | "plain" | "quoted" | "quoteInQuoted" = "start";
  const endField = (): void => {
    record.push(field);
    [field, state] = ["", "start"];
  };
  const write = (text: string): string[][] => {
    const records: string[][] = [];
    const endRecord = (): void => {
      const isEmpty = record.length === 0 && field === "" && state === "start";
      endField();
      if (!isEmpty) records.push(record);
      [record, size] = [[], 0];
    };
    for (const character of text) {
      if (++size > longestRecord) throw new RangeError(`a CSV record is longer than ${longestRecord} characters`);
      if (state === "quoted") {
        if (character === '"') state = "quoteInQuoted";
        else field += character;
      } else if (character === '"' && state === "quoteInQuoted") {
        field += '"';
        state = "quoted";
      } else if (character === '"' && state === "start") state = "quoted";
      else if (character === ",") endField();
      else if (character === "\n") endRecord();
      else if (character !== "\r") {
        field += character;
        state = "plain";
      }
    }
    return records;
  };
  return {
    write,
    end: () => (record.length === 0 && field === "" && state === "start" ? [] : write("\n")),
  };
}

export function parseCsv(text: string): string[][] {
  const parser = createCsvParser();
  return [...parser.write(text), ...parser.end()];
}
