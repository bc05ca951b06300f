export interface Lamps {
  /** Windows glow and lamps shine. */
  areOn: boolean;
}
