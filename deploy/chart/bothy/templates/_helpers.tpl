{{- /* helm upgrade --reuse-values brings the settings of the chart before, without those that are newer: what is new here says itself
what it is when nothing is said. */}}
{{- define "bothy.port" -}}
{{ .Values.service.port | default 7080 }}
{{- end }}

{{- define "bothy.appsPort" -}}
{{ .Values.service.appsPort | default 7081 }}
{{- end }}

{{- define "bothy.url" -}}
{{ .Values.url | default (printf "%s://bothy.bothy-system.svc:%d" (ternary "http" "https" .Values.trial.enabled) (include "bothy.port" . | int)) }}
{{- end }}

{{- define "bothy.appsUrl" -}}
{{ .Values.apps.url | default (printf "%s://bothy-apps.bothy-system.svc:%d" (ternary "http" "https" .Values.trial.enabled) (include "bothy.appsPort" . | int)) }}
{{- end }}

{{- define "bothy.limits" -}}
{{ toYaml (merge (dict "namespaces" "*" "templateNamespaces" (join "," .Values.policies.templateNamespaces)) .Values.policies.limits) }}
{{- end }}

{{- define "bothy.authority" -}}
{{- if and .Values.tls.certManager (not .Values.caCertificate) (not .Values.trial.enabled) -}}
- secret: {name: {{ .Values.tls.secretName | quote }}, items: [{key: tls.crt, path: tls.crt}]}
- secret: {name: {{ .Values.tls.secretName | quote }}, optional: true, items: [{key: ca.crt, path: ca.crt}]}
{{- else -}}
- configMap: {name: bothy, optional: true, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end }}

{{- define "bothy.podPullSecrets" -}}
{{- $names := list }}
{{- range concat .Values.image.pullSecrets (.Values.workspaces.pullSecrets | default list) }}{{ $names = append $names .name }}{{ end }}
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
{{- range append (dig "apiServerPorts" (list 443 6443 8443 16443) .Values.networkPolicies) (.Values.networkPolicies.databasePort | default 5432) }}{{ $ports = append $ports (int .) }}{{ end }}
{{- range uniq $ports }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end }}
