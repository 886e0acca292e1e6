/** The formats our definitions use. A cluster ignores a format it does not know; here it is an error in the definition. */
const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

function isDateTime(text: string): boolean {
  const parts = RFC3339.exec(text)
  if (!parts) return false
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])]
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

const daysIn = (year: number, month: number): number => (month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)

const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map([['date-time', isDateTime]])

/** Said about numbers, and never checked: bounds say it better. */
const NUMBER_FORMATS = new Set(['int32', 'int64', 'double', 'float'])

export const isKnownFormat = (format: string): boolean => FORMATS.has(format) || NUMBER_FORMATS.has(format)

export const hasFormat = (format: string, text: string): boolean => FORMATS.get(format)?.(text) ?? true
