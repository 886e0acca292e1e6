import { createPrivateKey } from 'node:crypto'
import { makeCertificate } from '../../controller/kernel/certificate.ts'
import { systemClock } from '../../controller/kernel/clock.ts'

/** What stands in a cluster whose control plane has a name there alone. */

export const IMAGE = 'docker.io/library/passes-on:1'
export const SYSTEM = 'bothy-system'
export const URL_INSIDE = 'https://bothy.bothy-system.svc:7080'
const DAY_MS = 86_400_000

export function authority(name: string) {
  const now = systemClock.now()
  const made = makeCertificate({ name, hosts: [], use: 'authority', from: now - DAY_MS, until: now + DAY_MS, issuer: null })
  const issuer = { name, key: createPrivateKey(made.key) }
  return {
    ca: made.certificate,
    server: (host: string) =>
      makeCertificate({ name: host, hosts: [host], use: 'server', from: now - DAY_MS, until: now + DAY_MS, issuer }),
  }
}

/** A pod of the control plane, in which this program has each connection. */
export const serving = (namespace: string, name: string, ...program: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/name': 'bothy', 'app.kubernetes.io/component': 'controller' } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'it',
        image: IMAGE,
        imagePullPolicy: 'Never',
        command: ['/bin/nc', '-ll', '-p', '7080', '-e', ...program],
        ports: [{ name: 'api', containerPort: 7080 }],
        readinessProbe: { exec: { command: ['/bin/test', '!', '-e', '/tmp/unready'] }, periodSeconds: 1 },
      },
    ],
  },
})

export const passingOn = (namespace: string, name: string, to: string) =>
  serving(namespace, name, '/bin/nc', new URL(to).hostname, new URL(to).port)

export const service = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'bothy', namespace },
  spec: {
    selector: { 'app.kubernetes.io/name': 'bothy', 'app.kubernetes.io/component': 'controller' },
    ports: [{ name: 'api', port: 7080, targetPort: 'api' }],
  },
})

export const published = (namespace: string, data: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'bothy', namespace },
  data,
})

export const namespaceOf = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

/** As the service's are for a moment after this pod has gone. */
export const stillListed = (namespace: string, pod: string) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'late', namespace, labels: { 'kubernetes.io/service-name': 'bothy' } },
  addressType: 'IPv4',
  ports: [{ name: 'api', port: 7080, protocol: 'TCP' }],
  endpoints: [{ addresses: ['198.18.0.9'], conditions: { ready: true }, targetRef: { kind: 'Pod', name: pod, namespace } }],
})

/** Binds a Role of the control plane's namespace to somebody of `team`. */
export const bound = (account: string, role: string) => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name: `${account}-${role}`, namespace: SYSTEM },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role },
  subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'team' }],
})

export const withApps = {
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Template',
  metadata: { name: 'with-apps', namespace: 'team' },
  spec: {
    source: {
      type: 'Inline',
      inline: {
        files: {
          'main.tf': `
terraform {
  required_providers {
    bothy = { source = "bothy/bothy" }
  }
}
data "bothy_workspace" "me" {}
data "bothy_provisioner" "me" {}
resource "bothy_agent" "main" {
  os   = data.bothy_provisioner.me.os
  arch = data.bothy_provisioner.me.arch
}
resource "bothy_app" "each" {
  for_each = { web = "http://localhost:9000/start", low = "https://localhost/", docs = "https://example.org/docs" }
  agent_id = bothy_agent.main.id
  slug     = each.key
  url      = each.value
  external = each.key == "docs"
}
resource "bothy_process" "dev" {
  count    = data.bothy_workspace.me.start_count
  agent_id = bothy_agent.main.id
}
`,
        },
      },
    },
  },
}
