/** A value that JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
