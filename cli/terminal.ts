import { styleText } from 'node:util'
import type { Environment } from './environment.ts'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** Where text goes. Answers go to stdout; everything about the work (progress, errors) to stderr. */
export interface Terminal {
  /** One line of the answer. */
  out(line: string): void
  /** Text of the answer as it is, without a line end of ours. */
  write(text: string): void
  /** One line about the work. */
  err(line: string): void
  /** Text about the work that the next text overwrites; only on a terminal. */
  draw(text: string): void
  /** A person can be asked: both ends are terminals. */
  readonly asks: boolean
  /** Progress may be drawn over itself. */
  readonly draws: boolean
  /** No progress at all. */
  readonly quiet: boolean
  /** How wide the answer may be. What is no terminal has no width, and whoever reads it wants all of it. */
  readonly columns: number
  /** How wide what is drawn may be. */
  readonly drawColumns: number
  style(style: Style, text: string): string
}

const COLUMNS_LEAST = 40
const COLUMNS_USUAL = 80

const widthOf = ({ isTTY, columns }: NodeJS.WriteStream, otherwise: number): number =>
  isTTY ? Math.max(columns || COLUMNS_USUAL, COLUMNS_LEAST) : otherwise

export function processTerminal(environment: Environment, quiet: boolean): Terminal {
  const { stdin, stdout, stderr } = process
  const colours = stdout.isTTY === true && !environment.plain
  return {
    out: (line) => void stdout.write(`${line}\n`),
    write: (text) => void stdout.write(text),
    err: (line) => void stderr.write(`${line}\n`),
    draw: (text) => void stderr.write(text),
    asks: stdin.isTTY === true && stderr.isTTY === true,
    draws: stderr.isTTY === true && !quiet && !environment.plain,
    quiet,
    columns: widthOf(stdout, Number.POSITIVE_INFINITY),
    drawColumns: widthOf(stderr, COLUMNS_USUAL),
    style: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
  }
}
