import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Clock } from '../controller/kernel/clock.ts'
import type { AppHealth, ManifestApp } from './protocol.ts'
import type { Reports } from './reports.ts'

/** Asks each app at the address of its health check, and says when that changes what is known of it. */
export interface AppHealthChecks {
  /** What is asked from now on. Those that stay as they are keep what is known of them. */
  watch(apps: readonly ManifestApp[]): void
  end(): void
}

const INTERVAL_SECONDS_MIN = 1
const ANSWER_LIMIT_MS = 10_000
/** As many as a workspace may declare; beyond, nothing is asked. */
const CHECKS_MAX = 64

type Check = NonNullable<ManifestApp['healthcheck']>

interface Watched {
  readonly check: string
  stop(): void
}

/** One good answer makes it healthy; more than `threshold` bad ones in a row make it unhealthy; between, it stays what it was. */
export function healthAfter(before: AppHealth, failures: number, threshold: number): AppHealth {
  if (failures === 0) return 'Healthy'
  return failures > threshold ? 'Unhealthy' : before
}

export function createAppHealth(reports: Pick<Reports, 'app'>, clock: Clock): AppHealthChecks {
  const watched = new Map<string, Watched>()
  const stop = (slug: string) => {
    watched.get(slug)?.stop()
    watched.delete(slug)
  }
  return {
    watch(apps) {
      const wanted = new Map(
        apps.flatMap(({ slug, healthcheck }) => (healthcheck ? [[slug, healthcheck] as const] : [])).slice(0, CHECKS_MAX),
      )
      for (const [slug, { check }] of watched) {
        const now = wanted.get(slug)
        if (!now || JSON.stringify(now) !== check) stop(slug)
      }
      for (const [slug, check] of wanted) {
        if (!watched.has(slug)) watched.set(slug, begin(slug, check, reports, clock))
      }
    },
    end() {
      for (const slug of watched.keys()) stop(slug)
    },
  }
}

function begin(slug: string, check: Check, reports: Pick<Reports, 'app'>, clock: Clock): Watched {
  const over = new AbortController()
  let health: AppHealth = 'Initializing'
  let failures = 0
  reports.app(slug, health)
  const look = async () => {
    while (!over.signal.aborted) {
      const isGood = await answers(check.url, over.signal)
      if (over.signal.aborted) return
      failures = isGood ? 0 : failures + 1
      const next = healthAfter(health, failures, check.threshold)
      if (next !== health) reports.app(slug, next)
      health = next
      await clock.sleep(Math.max(check.intervalSeconds, INTERVAL_SECONDS_MIN) * 1000, over.signal)
    }
  }
  void look()
  return { check: JSON.stringify(check), stop: () => over.abort() }
}

/** Whether it answers at all, and not that it is broken. Only the head of the answer is read. */
function answers(url: string, signal: AbortSignal): Promise<boolean> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return Promise.resolve(false)
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve) => {
    // The workspace asks itself, where certificates are made up.
    const asked = request(url, { agent: false, rejectUnauthorized: false, signal, headers: { 'user-agent': 'bothy-agent' } })
    const limit = AbortSignal.timeout(ANSWER_LIMIT_MS)
    limit.addEventListener('abort', () => asked.destroy(new Error('too late')))
    asked.on('response', (answer: IncomingMessage) => {
      resolve((answer.statusCode ?? 500) < 500)
      answer.on('error', () => {})
      asked.destroy()
    })
    asked.on('error', () => resolve(false))
    asked.end()
  })
}
