import { makeCertificate, type Certificate } from '../../controller/kernel/certificate.ts'
import type { Instant } from '../../controller/kernel/clock.ts'

const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS

/** Says of itself that it is localhost. Good for as long as any terraform runs. */
export const localhostCertificate = (now: Instant): Certificate =>
  makeCertificate({
    name: 'localhost',
    hosts: ['localhost'],
    use: 'both-ends',
    from: now - HOUR_MS,
    until: now + YEAR_MS,
    issuer: null,
  })
