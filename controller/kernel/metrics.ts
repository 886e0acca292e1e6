/** Counters, gauges and histograms in Prometheus' text form. Labels come from closed sets, never from objects' names. */
export type Labels = Readonly<Record<string, string>>

export interface Metrics {
  count(name: string, help: string, labels?: Labels, by?: number): void
  observe(name: string, help: string, seconds: number, labels?: Labels): void
  /** Read when somebody asks for the page. One that cannot be read now is left out of it. */
  gauge(name: string, help: string, read: () => Reading | Promise<Reading>): void
  page(): Promise<string>
}

type Reading = number | ReadonlyMap<Labels, number>

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const

interface Series {
  readonly labels: Labels
  sum: number
  count: number
  readonly buckets: number[]
}

interface Family {
  readonly type: 'counter' | 'histogram'
  readonly help: string
  readonly series: Map<string, Series>
}

interface Gauge {
  readonly help: string
  readonly read: () => Reading | Promise<Reading>
}

export function createMetrics(): Metrics {
  const families = new Map<string, Family>()
  const gauges = new Map<string, Gauge>()

  const seriesOf = (name: string, type: Family['type'], help: string, labels: Labels): Series => {
    let family = families.get(name)
    if (!family) families.set(name, (family = { type, help, series: new Map() }))
    const id = written(labels)
    let series = family.series.get(id)
    if (!series) family.series.set(id, (series = { labels, sum: 0, count: 0, buckets: BUCKETS_SECONDS.map(() => 0) }))
    return series
  }

  return {
    count(name, help, labels = {}, by = 1) {
      seriesOf(name, 'counter', help, labels).sum += by
    },
    observe(name, help, seconds, labels = {}) {
      const series = seriesOf(name, 'histogram', help, labels)
      series.sum += seconds
      series.count += 1
      BUCKETS_SECONDS.forEach((limit, i) => {
        if (seconds <= limit) series.buckets[i] = (series.buckets[i] ?? 0) + 1
      })
    },
    gauge(name, help, read) {
      gauges.set(name, { help, read })
    },
    async page() {
      const told = [...families].flatMap(([name, family]) => familyLines(name, family))
      const read = await Promise.all([...gauges].map(([name, gauge]) => gaugeLines(name, gauge)))
      return `${[...told, ...read.flat()].join('\n')}\n`
    },
  }
}

const heading = (name: string, help: string, type: string): string[] => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]

const familyLines = (name: string, { type, help, series }: Family): string[] => [
  ...heading(name, help, type),
  ...[...series.values()].flatMap((each) => (type === 'counter' ? counterLines(name, each) : histogramLines(name, each))),
]

async function gaugeLines(name: string, { help, read }: Gauge): Promise<string[]> {
  try {
    const reading = await read()
    const values =
      typeof reading === 'number' ? [`${name} ${reading}`] : [...reading].map(([labels, each]) => `${name}${written(labels)} ${each}`)
    return [...heading(name, help, 'gauge'), ...values]
  } catch {
    return []
  }
}

const counterLines = (name: string, series: Series) => [`${name}${written(series.labels)} ${series.sum}`]

function histogramLines(name: string, series: Series): string[] {
  const bucket = (le: string, count: number) => `${name}_bucket${written({ ...series.labels, le })} ${count}`
  return [
    ...BUCKETS_SECONDS.map((limit, i) => bucket(String(limit), series.buckets[i] ?? 0)),
    bucket('+Inf', series.count),
    `${name}_sum${written(series.labels)} ${series.sum}`,
    `${name}_count${written(series.labels)} ${series.count}`,
  ]
}

function written(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  )
  return pairs.length ? `{${pairs.join(',')}}` : ''
}
