{{- define "bothy.url" -}}
{{ .Values.url | default (printf "%s://bothy.bothy-system.svc:%d" (ternary "http" "https" .Values.trial.enabled) (int .Values.service.port)) }}
{{- end }}

{{- define "bothy.appsUrl" -}}
{{ .Values.apps.url | default (printf "%s://bothy-apps.bothy-system.svc:%d" (ternary "http" "https" .Values.trial.enabled) (int .Values.service.appsPort)) }}
{{- end }}

{{- define "bothy.limits" -}}
{{ toYaml (merge (dict "namespaces" "*" "templateNamespaces" (join "," .Values.policies.templateNamespaces)) .Values.policies.limits) }}
{{- end }}

{{- define "bothy.authority" -}}
{{- if and .Values.tls.certManager (not .Values.caCertificate) (not .Values.trial.enabled) -}}
{{ toYaml (dict "secretKeyRef" (dict "name" .Values.tls.secretName "key" "ca.crt")) }}
{{- else -}}
{{ toYaml (dict "configMapKeyRef" (dict "name" "bothy" "key" "ca.crt" "optional" true)) }}
{{- end }}
{{- end }}

{{- define "bothy.podPullSecrets" -}}
{{- $names := list }}
{{- range concat .Values.image.pullSecrets .Values.workspaces.pullSecrets }}{{ $names = append $names .name }}{{ end }}
{{- $names | uniq | join "," }}
{{- end }}

{{- define "bothy.hosts" -}}
{{- $hosts := list "bothy.bothy-system.svc" "bothy-apps.bothy-system.svc" }}
{{- range list (include "bothy.url" .) (include "bothy.appsUrl" .) }}{{ $hosts = append $hosts (get (urlParse .) "hostname") }}{{ end }}
{{- with .Values.apps.host }}{{ $hosts = append $hosts . }}{{ end }}
{{- toYaml (uniq $hosts) }}
{{- end }}

{{- define "bothy.dnsNames" -}}
{{- range include "bothy.hosts" . | fromYamlArray }}{{ if not (regexMatch "^[0-9.]+$|:" .) }}
- {{ . | quote }}
{{- end }}{{ end }}
{{- end }}

{{- define "bothy.ipAddresses" -}}
{{- range include "bothy.hosts" . | fromYamlArray }}{{ if regexMatch "^[0-9.]+$|:" . }}
- {{ . | quote }}
{{- end }}{{ end }}
{{- end }}

{{- define "bothy.databaseTrust" -}}
{{- if .Values.database.caSecret }}
- {name: NODE_EXTRA_CA_CERTS, value: /etc/bothy/database/ca.crt}
{{- end }}
{{- end }}

{{- define "bothy.databaseMount" -}}
{{- if .Values.database.caSecret }}
- {name: database-ca, mountPath: /etc/bothy/database, readOnly: true}
{{- end }}
{{- end }}

{{- define "bothy.databaseVolume" -}}
{{- with .Values.database.caSecret }}
- {name: database-ca, secret: {secretName: {{ . | quote }}, items: [{key: ca.crt, path: ca.crt}]}}
{{- end }}
{{- end }}

{{- define "bothy.askedPorts" -}}
{{- $ports := list 443 }}
{{- range append .Values.networkPolicies.apiServerPorts .Values.networkPolicies.databasePort }}{{ $ports = append $ports (int .) }}{{ end }}
{{- range uniq $ports }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end }}
