/** What of the manifests is a setting of the chart. Everything else in it is as kustomize has it. */

export interface Change {
  /** Which objects, by kind and name. */
  readonly of: RegExp
  readonly at: readonly (string | number)[]
  /** In place of the value; a map or list is written below it. */
  readonly value?: string
  /** A key of the map there that is written where the setting says anything. */
  readonly optional?: { readonly key: string; readonly from: string }
}

/** Around an object: only where it is wanted, or once for each of several. */
export interface Around {
  readonly of: RegExp
  readonly begin: string
}

const POD = ['spec', 'template', 'spec'] as const
const CONTAINER = [...POD, 'containers', 0] as const
const BOTH = /^(Deployment|StatefulSet) /
/** Who makes pods of workspaces. */
const PODS = /^(Deployment bothy-provisioner|StatefulSet bothy-controller)$/
const IMAGE =
  '"{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}"'

/** The item of this name in a list. */
export const named = (name: string): string => `name:${name}`

/** Of one Service, and of both. */
const annotationsWith = (own: string) => ({
  key: 'annotations',
  from: `(merge (dict) (${own} | default dict) .Values.service.annotations)`,
})

const ofProcess = (of: RegExp, values: string): readonly Change[] => [
  { of, at: [...CONTAINER, 'resources'], value: `toYaml ${values}.resources` },
  { of, at: [...POD], optional: { key: 'nodeSelector', from: `${values}.nodeSelector` } },
  { of, at: [...POD], optional: { key: 'tolerations', from: `${values}.tolerations` } },
  { of, at: [...POD], optional: { key: 'affinity', from: `${values}.affinity` } },
  { of, at: ['spec', 'template', 'metadata'], optional: { key: 'annotations', from: `${values}.podAnnotations` } },
  { of, at: [...CONTAINER, 'env'], optional: { key: '', from: `${values}.env` } },
]

export const CHANGES: readonly Change[] = [
  { of: BOTH, at: [...CONTAINER, 'image'], value: IMAGE },
  {
    of: PODS,
    at: [...CONTAINER, 'env', named('BOTHY_POD_PROGRAM_IMAGE'), 'value'],
    value: IMAGE,
  },
  { of: PODS, at: [...POD, 'volumes', named('authority'), 'projected', 'sources'], value: 'include "bothy.authority" .' },
  {
    of: PODS,
    at: [...CONTAINER, 'env', named('BOTHY_POD_PULL_SECRETS'), 'value'],
    value: '{{ include "bothy.podPullSecrets" . | quote }}',
  },
  { of: BOTH, at: [...CONTAINER, 'imagePullPolicy'], value: '{{ .Values.image.pullPolicy }}' },
  { of: BOTH, at: [...POD], optional: { key: 'imagePullSecrets', from: '.Values.image.pullSecrets' } },
  {
    of: /^Deployment /,
    at: [...CONTAINER, 'env', named('DATABASE_URL'), 'valueFrom', 'secretKeyRef', 'name'],
    value: '{{ .Values.database.secretName }}',
  },
  {
    of: /^Deployment /,
    at: [...CONTAINER, 'env', named('DATABASE_URL'), 'valueFrom', 'secretKeyRef', 'key'],
    value: '{{ .Values.database.secretKey }}',
  },
  {
    of: /^Deployment /,
    at: [...CONTAINER, 'env', named('BOTHY_KEY'), 'valueFrom', 'secretKeyRef', 'name'],
    value: '{{ .Values.key.secretName }}',
  },
  {
    of: /^Deployment /,
    at: [...CONTAINER, 'env', named('BOTHY_KEY'), 'valueFrom', 'secretKeyRef', 'key'],
    value: '{{ .Values.key.secretKey }}',
  },
  { of: /^Deployment /, at: [...CONTAINER, 'env'], optional: { key: '', from: '(include "bothy.databaseTrust" . | fromYamlArray)' } },
  {
    of: /^Deployment /,
    at: [...CONTAINER, 'volumeMounts'],
    optional: { key: '', from: '(include "bothy.databaseMount" . | fromYamlArray)' },
  },
  { of: /^Deployment /, at: [...POD, 'volumes'], optional: { key: '', from: '(include "bothy.databaseVolume" . | fromYamlArray)' } },
  { of: /^Deployment bothy-controller$/, at: ['spec', 'replicas'], value: '{{ .Values.controller.replicas }}' },
  { of: /^Deployment bothy-controller$/, at: [...POD, 'volumes', 2, 'secret', 'secretName'], value: '{{ .Values.tls.secretName }}' },
  ...ofProcess(/^Deployment bothy-controller$/, '.Values.controller'),
  { of: /^Deployment bothy-provisioner$/, at: ['spec', 'replicas'], value: '{{ .Values.provisioner.replicas }}' },
  {
    of: /^Deployment bothy-provisioner$/,
    at: [...CONTAINER, 'env', named('BOTHY_CAPACITY'), 'value'],
    value: '{{ .Values.provisioner.capacity | quote }}',
  },
  ...ofProcess(/^Deployment bothy-provisioner$/, '.Values.provisioner'),
  {
    of: PODS,
    at: [...CONTAINER, 'env', named('BOTHY_POD_NAMESPACE'), 'value'],
    value: '{{ first .Values.workspaces.namespaces }}',
  },
  {
    of: PODS,
    at: [...CONTAINER, 'env', named('BOTHY_POD_NAMESPACES'), 'value'],
    value: '{{ rest .Values.workspaces.namespaces | join "," | quote }}',
  },
  ...ofProcess(/^StatefulSet /, '.Values.trial'),
  {
    of: /^StatefulSet /,
    at: ['spec', 'volumeClaimTemplates', 0, 'spec', 'resources', 'requests', 'storage'],
    value: '{{ .Values.trial.storage }}',
  },
  {
    of: /^StatefulSet /,
    at: ['spec', 'volumeClaimTemplates', 0, 'spec'],
    optional: { key: 'storageClassName', from: '.Values.trial.storageClass' },
  },
  {
    of: /^ServiceAccount bothy-controller$/,
    at: ['metadata'],
    optional: { key: 'annotations', from: '.Values.controller.serviceAccountAnnotations' },
  },
  {
    of: /^ServiceAccount bothy-provisioner$/,
    at: ['metadata'],
    optional: { key: 'annotations', from: '.Values.provisioner.serviceAccountAnnotations' },
  },
  { of: /^ConfigMap bothy$/, at: ['data', 'url'], value: '{{ include "bothy.url" . | quote }}' },
  { of: /^ConfigMap bothy$/, at: ['data', 'appsUrl'], value: '{{ include "bothy.appsUrl" . | quote }}' },
  { of: /^ConfigMap bothy$/, at: ['data'], optional: { key: 'appsHost', from: '.Values.apps.host' } },
  { of: /^ConfigMap bothy$/, at: ['data'], optional: { key: 'ca.crt', from: '.Values.caCertificate' } },
  { of: /^Certificate bothy$/, at: ['spec', 'secretName'], value: '{{ .Values.tls.secretName }}' },
  { of: /^Certificate bothy$/, at: ['spec', 'dnsNames'], value: 'include "bothy.dnsNames" . | trim' },
  { of: /^Certificate bothy$/, at: ['spec'], optional: { key: 'ipAddresses', from: '(include "bothy.ipAddresses" . | fromYamlArray)' } },
  { of: /^Service /, at: ['spec'], optional: { key: 'type', from: '.Values.service.type' } },
  { of: /^Service bothy$/, at: ['spec', 'ports', 0, 'port'], value: '{{ include "bothy.port" . }}' },
  { of: /^Service bothy$/, at: ['metadata'], optional: annotationsWith('.Values.service.apiAnnotations') },
  { of: /^Service bothy-apps$/, at: ['spec', 'ports', 0, 'port'], value: '{{ include "bothy.appsPort" . }}' },
  { of: /^Service bothy-apps$/, at: ['metadata'], optional: annotationsWith('.Values.service.appsAnnotations') },
  {
    of: /^NetworkPolicy bothy-(controller|provisioner)$/,
    at: ['spec', 'egress', 1, 'ports'],
    value: 'include "bothy.askedPorts" . | trim',
  },
  { of: /^ConfigMap bothy-limits$/, at: ['data'], value: 'include "bothy.limits" .' },
  // Once for each namespace of workspaces: inside of its range, the dot is its name.
  { of: /^Namespace /, at: ['metadata', 'name'], value: '{{ . }}' },
  { of: /^(Role|RoleBinding) bothy-provisioner$/, at: ['metadata', 'namespace'], value: '{{ . }}' },
  { of: /^NetworkPolicy bothy-workspaces$/, at: ['metadata', 'namespace'], value: '{{ . }}' },
  {
    of: /^RoleBinding bothy-provisioner$/,
    at: ['subjects', 0, 'name'],
    value: '{{ if $.Values.trial.enabled }}bothy-controller{{ else }}bothy-provisioner{{ end }}',
  },
  // Once for each namespace of templates that others may use.
  { of: /^ValidatingAdmissionPolicyBinding bothy-template-grants$/, at: ['spec', 'paramRef', 'namespace'], value: '{{ . }}' },
  {
    of: /^ValidatingAdmissionPolicyBinding bothy-template-grants$/,
    at: ['metadata', 'name'],
    value: 'bothy-template-grants{{ if ne . "bothy-templates" }}-{{ . }}{{ end }}',
  },
  // Once for each entry of templateSecrets.
  { of: / bothy-template-secrets$/, at: ['metadata', 'namespace'], value: '{{ .namespace }}' },
  { of: /^Role bothy-template-secrets$/, at: ['rules', 0, 'resourceNames'], value: 'toYaml .names' },
]

const NO_TRIAL = 'if not .Values.trial.enabled'

export const AROUND: readonly Around[] = [
  { of: /^CustomResourceDefinition /, begin: 'if .Values.crds.install' },
  { of: /^(Deployment|PodDisruptionBudget) bothy-controller$/, begin: NO_TRIAL },
  { of: /^(Deployment|ServiceAccount) bothy-provisioner$/, begin: 'if and .Values.provisioner.enabled (not .Values.trial.enabled)' },
  {
    of: /^NetworkPolicy bothy-provisioner$/,
    begin: 'if and .Values.networkPolicies.enabled .Values.provisioner.enabled (not .Values.trial.enabled)',
  },
  { of: /^NetworkPolicy bothy-(nobody-else|controller)$/, begin: 'if .Values.networkPolicies.enabled' },
  { of: /^NetworkPolicy bothy-workspaces$/, begin: 'range ternary .Values.workspaces.namespaces (list) .Values.networkPolicies.enabled' },
  { of: /^Namespace /, begin: 'range ternary .Values.workspaces.namespaces (list) .Values.workspaces.create' },
  { of: /^(Role|RoleBinding) bothy-provisioner$/, begin: 'range .Values.workspaces.namespaces' },
  { of: /^StatefulSet /, begin: 'if .Values.trial.enabled' },
  {
    of: /^ValidatingAdmissionPolicyBinding bothy-template-grants$/,
    begin: 'range ternary .Values.policies.templateNamespaces (list) .Values.policies.enabled',
  },
  { of: /^ValidatingAdmissionPolicy|^ConfigMap bothy-limits$/, begin: 'if .Values.policies.enabled' },
  { of: / bothy-template-secrets$/, begin: 'range .Values.templateSecrets' },
  { of: /^(Issuer|Certificate) /, begin: 'if .Values.tls.certManager' },
]
