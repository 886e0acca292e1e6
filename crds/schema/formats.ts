/** The formats our definitions use. A cluster ignores a format it does not know; here it is an error in the definition. */
/**
 * As the API server tells a date-time: a day that exists, `T`, and a time; what follows another `t` it does not look at, nor
 * at how large an offset is.
 */
function isDateTime(text: string): boolean {
  const [day = '', time = ''] = text.toLowerCase().split('t')
  const parts = TIME.exec(time)
  return isDay(day) && parts !== null && (parts[1] ?? '') <= '23' && (parts[2] ?? '') <= '59' && (parts[3] ?? '') <= '59'
}

const TIME = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$/
const DAY = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/

function isDay(text: string): boolean {
  const parts = DAY.exec(text)
  if (!parts) return false
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])]
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

const daysIn = (year: number, month: number): number => (month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)

const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map([['date-time', isDateTime]])

/** Said about numbers, and never checked: bounds say it better. */
const NUMBER_FORMATS = new Set(['int32', 'int64', 'double', 'float'])

/** Formats that say something; the others are words for readers. */
export const isCheckedFormat = (format: string): boolean => FORMATS.has(format)

export const isKnownFormat = (format: string): boolean => FORMATS.has(format) || NUMBER_FORMATS.has(format)

export const hasFormat = (format: string, text: string): boolean => FORMATS.get(format)?.(text) ?? true
