/** Values with their unit said where they are written. */

export class Duration {
  readonly #seconds: number
  private constructor(seconds: number) {
    if (!Number.isFinite(seconds) || seconds < 0) throw new RangeError(`a duration of ${seconds} seconds cannot be`)
    this.#seconds = seconds
  }
  static seconds(amount: number): Duration {
    return new Duration(amount)
  }
  static minutes(amount: number): Duration {
    return new Duration(amount * 60)
  }
  static hours(amount: number): Duration {
    return new Duration(amount * 3600)
  }
  static days(amount: number): Duration {
    return new Duration(amount * 86_400)
  }
  toSeconds(): number {
    if (!Number.isInteger(this.#seconds)) throw new RangeError(`${this.#seconds} seconds are no whole seconds, which is what is taken here`)
    return this.#seconds
  }
}

export class Size {
  readonly #mebibytes: number
  private constructor(mebibytes: number) {
    if (!Number.isFinite(mebibytes) || mebibytes < 0) throw new RangeError(`a size of ${mebibytes} MiB cannot be`)
    this.#mebibytes = mebibytes
  }
  static mebibytes(amount: number): Size {
    return new Size(amount)
  }
  static gibibytes(amount: number): Size {
    return new Size(amount * 1024)
  }
  toMebibytes(): number {
    if (!Number.isInteger(this.#mebibytes))
      throw new RangeError(`${this.#mebibytes} MiB are no whole mebibytes, which is what is taken here`)
    return this.#mebibytes
  }
}

/** A bare number, an expression, or nothing passes as it is. */
export const inSeconds = (value: Duration | number | undefined): number | undefined =>
  value instanceof Duration ? value.toSeconds() : value

export const inMebibytes = (value: Size | number | undefined): number | undefined => (value instanceof Size ? value.toMebibytes() : value)
