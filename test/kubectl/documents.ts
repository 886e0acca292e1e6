/** What the steps apply. NAMESPACE is the one of the run; {uid:ws/dev} is looked up when a step comes to it. */

export const TEMPLATE = `apiVersion: bothy.dev/v1alpha1
kind: Template
metadata:
  name: node
  labels: {steps: NAMESPACE}
spec:
  displayName: Node.js
  source:
    type: Inline
    inline:
      files:
        main.tf: |
          resource "terraform_data" "one" {}
`

export const WORKSPACE = `apiVersion: bothy.dev/v1alpha1
kind: Workspace
metadata:
  name: dev
  labels: {steps: NAMESPACE, team: a}
spec:
  owner: ada
  template: {name: node}
  parameters: {cpu: "2"}
  schedule: {ttl: 8h, autostart: "CRON_TZ=Europe/Berlin 0 9 * * 1-5"}
`

export const OTHER = WORKSPACE.replace('name: dev', 'name: other')
  .replace('team: a', 'team: b')
  .replace('owner: ada', 'owner: bob')
  .replace('template: {name: node}', 'template: {name: python}')

export const REQUEST = `apiVersion: bothy.dev/v1alpha1
kind: WorkspaceRequest
metadata: {name: start-1, labels: {steps: NAMESPACE}}
spec: {workspace: dev, action: Start}
`

/** What a controller writes of a template that is imported. */
export const TEMPLATE_STATUS = JSON.stringify({
  status: {
    observedGeneration: 1,
    activeVersion: {
      digest: `sha256:${'0123456789ab'.padEnd(64, '0')}`,
      short: '0123456789ab',
      importedAt: '2020-01-01T09:00:00Z',
      source: 'inline',
    },
    workspaces: { total: 2, running: 1, outdated: 0 },
    conditions: [condition('Ready', 'True', 'Imported', 'Version 0123456789ab is active.')],
  },
})

export const RUNNING_STATUS = JSON.stringify({
  status: {
    observedGeneration: 1,
    owner: 'ada',
    state: 'Running',
    power: { effective: 'Running', reason: 'Created', since: '2020-01-01T09:00:00Z' },
    schedule: { stops: '2020-01-01T17:00:00Z Deadline', nextStart: '2020-01-02T08:00:00Z' },
    template: { digest: `sha256:${'0123456789ab'.padEnd(64, '0')}`, short: '0123456789ab', outdated: false },
    conditions: [
      condition('Ready', 'True', 'Running', 'The workspace is running.'),
      condition('Running', 'True', 'Running', 'Its agents are connected and ready.'),
    ],
  },
})

export const STOPPED_STATUS = JSON.stringify({
  status: {
    observedGeneration: 1,
    owner: 'ada',
    state: 'Stopped',
    schedule: null,
    conditions: [
      condition('Ready', 'True', 'Stopped', 'The workspace is stopped, as wanted.'),
      condition('Running', 'False', 'Stopped', 'The workspace is stopped.'),
    ],
  },
})

function condition(type: string, status: string, reason: string, message: string) {
  return { type, status, reason, message, observedGeneration: 1, lastTransitionTime: '2020-01-01T09:00:00Z' }
}

/** As the controller writes them: the story of a workspace that was asked for and runs. */
export const EVENTS = [
  event('dev.1', 'Normal', 'BuildQueued', 'Queue', 'Build 1 was queued: Start, because it was created.'),
  event('dev.2', 'Warning', 'BuildFailed', 'Build', 'Build 1 failed: the image was not found.'),
  event('dev.3', 'Normal', 'WorkspaceRunning', 'Start', 'Build 2 succeeded.'),
].join('---\n')

function event(name: string, type: string, reason: string, action: string, note: string): string {
  return `apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: ${name}, namespace: NAMESPACE}
eventTime: "2020-01-01T09:00:0${name.at(-1)}.000000Z"
reportingController: bothy.dev/controller
reportingInstance: bothy-0
type: ${type}
reason: ${reason}
action: ${action}
note: "${note}"
regarding: {apiVersion: bothy.dev/v1alpha1, kind: Workspace, namespace: NAMESPACE, name: dev, uid: "{uid:ws/dev}"}
`
}
