import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeCertificate } from '../../controller/kernel/certificate.ts'
import { fromIso } from '../../controller/kernel/clock.ts'
import { temporaryFolder } from '../support/temporary.ts'

const FROM = fromIso('2026-01-01T00:00:00Z') ?? 0
const FAR = fromIso('2051-01-01T00:00:00Z') ?? 0
const HOSTS = ['localhost', '127.0.0.1', '::1', 'fe80::1:2', '2001:db8:1:2:3:4:5:6', '::ffff:10.0.0.1', 'bothy.example']

const authority = makeCertificate({ name: 'bothy', hosts: [], use: 'authority', from: FROM, until: FAR, issuer: null })
const issuer = { name: 'bothy', key: createPrivateKey(authority.key) }
const server = makeCertificate({ name: 'localhost', hosts: HOSTS, use: 'server', from: FROM, until: FROM + 86_400_000, issuer })

test('a server is known by its names and addresses, and by who signed it', () => {
  const [ca, leaf] = [new X509Certificate(authority.certificate), new X509Certificate(server.certificate)]
  expect(ca.ca).toBe(true)
  expect(leaf.ca).toBe(false)
  expect(leaf.checkIssued(ca)).toBe(true)
  expect(leaf.verify(ca.publicKey)).toBe(true)
  expect(leaf.checkPrivateKey(createPrivateKey(server.key))).toBe(true)
  for (const host of ['localhost', 'bothy.example']) expect([host, leaf.checkHost(host)]).toEqual([host, host])
  for (const host of HOSTS.filter((each) => /[:\d]$/.test(each))) expect([host, leaf.checkIP(host)]).toEqual([host, host])
  for (const host of ['127.0.0.2', '::2']) expect([host, leaf.checkIP(host)]).toEqual([host, undefined])
  expect([ca.validFromDate.getTime(), ca.validToDate.getTime()]).toEqual([FROM, FAR])
  expect(leaf.validToDate.getTime()).toBe(FROM + 86_400_000)
})

test('the strictest reading of others takes it', () => {
  const folder = temporaryFolder()
  const [ca, leaf] = [join(folder, 'ca.pem'), join(folder, 'leaf.pem')]
  writeFileSync(ca, authority.certificate)
  writeFileSync(leaf, server.certificate)
  const verify = (...more: string[]) =>
    execFileSync('openssl', ['verify', '-x509_strict', '-attime', String(FROM / 1000 + 60), ...more, '-CAfile', ca, leaf], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
  expect(verify('-purpose', 'sslserver', '-verify_hostname', 'localhost')).toBe(`${leaf}: OK\n`)
  expect(verify('-purpose', 'sslserver', '-verify_ip', '::1')).toBe(`${leaf}: OK\n`)
  expect(() => verify('-purpose', 'sslclient')).toThrow()
})
