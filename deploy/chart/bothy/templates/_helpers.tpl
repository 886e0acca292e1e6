{{- define "bothy.url" -}}
{{ .Values.url | default (printf "%s://bothy.bothy-system.svc:7080" (ternary "http" "https" .Values.trial.enabled)) }}
{{- end }}

{{- define "bothy.appsUrl" -}}
{{ .Values.apps.url | default (printf "%s://bothy-apps.bothy-system.svc:7081" (ternary "http" "https" .Values.trial.enabled)) }}
{{- end }}

{{- define "bothy.limits" -}}
{{ toYaml (merge (dict "namespaces" "*" "templateNamespaces" (join "," .Values.policies.templateNamespaces)) .Values.policies.limits) }}
{{- end }}
