/** An input as the wire hands it over: what the model requires is there. */
export type Parsed<Input> = {
  [Name in keyof Input]: Record<never, never> extends Pick<Input, Name> ? Input[Name] : NonNullable<Input[Name]>;
};
