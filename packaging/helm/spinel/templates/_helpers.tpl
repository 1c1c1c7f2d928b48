{{/* Names and labels, and what several templates compute. */}}
{{- define "spinel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "spinel.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "spinel.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "spinel.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "spinel.selectorLabels" -}}
app.kubernetes.io/name: {{ include "spinel.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "spinel.labels" -}}
{{ include "spinel.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "spinel.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "spinel.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The Secret with the password of the default user. */}}
{{- define "spinel.authSecret" -}}
{{- default (printf "%s-auth" (include "spinel.fullname" .)) .Values.auth.existingSecret }}
{{- end }}

{{- define "spinel.authKey" -}}
{{- if .Values.auth.existingSecret }}{{ .Values.auth.existingSecretKey }}{{ else }}password{{ end }}
{{- end }}

{{/*
A password: the one that is given, the one that an earlier release made, or one by chance. It is made once per run, because
the settings hold its hash. Takes (dict "root" $ "key" KEY "given" PASSWORD).
*/}}
{{- define "spinel.password" -}}
{{- $root := .root }}
{{- $kept := printf "spinel-%s" .key }}
{{- if not (hasKey $root.Release $kept) }}
{{- $secret := lookup "v1" "Secret" $root.Release.Namespace (printf "%s-auth" (include "spinel.fullname" $root)) }}
{{- $old := "" }}
{{- if $secret }}{{ $old = dig "data" .key "" $secret | b64dec }}{{ end }}
{{- $_ := set $root.Release $kept (coalesce .given $old (randAlphaNum 32)) }}
{{- end }}
{{- get $root.Release $kept }}
{{- end }}

{{- define "spinel.metricsPassword" -}}
{{- include "spinel.password" (dict "root" . "key" "metrics-password" "given" .Values.metrics.password) }}
{{- end }}

{{/* The file of settings. */}}
{{- define "spinel.conf" -}}
bind * -::*
# The pod's network is not this machine's; who may come, the password and the network policy say.
protected-mode no
dir /data
logfile ""
{{- if .Values.tls.enabled }}
port 0
tls-port 6379
tls-cert-file /etc/spinel/tls/tls.crt
tls-key-file /etc/spinel/tls/tls.key
tls-auth-clients {{ .Values.tls.authClients }}
{{- if ne .Values.tls.authClients "no" }}
tls-ca-cert-file /etc/spinel/tls/ca.crt
{{- end }}
tls-auto-reload-interval 60
{{- else }}
port 6379
{{- end }}
http-port {{ .Values.metrics.port }}
{{- if .Values.auth.enabled }}
http-bind * -::*
requirepass-file /etc/spinel/auth/password
user {{ .Values.metrics.username }} on #{{ include "spinel.metricsPassword" . | sha256sum }} +info +slowlog|len +slowlog|get +latency|latest +latency|histogram
{{- else }}
http-bind 127.0.0.1
{{- end }}
{{- range .Values.aclUsers }}
user {{ .name }} on #{{ .passwordHash | default (sha256sum (.password | default "")) }} {{ .rules }}
{{- end }}
{{- if .Values.persistence.enabled }}
appendonly {{ ternary "yes" "no" .Values.persistence.appendonly }}
{{- else }}
save ""
appendonly no
{{- end }}
{{- range $name, $value := .Values.config }}
{{ $name }} {{ if kindIs "bool" $value }}{{ ternary "yes" "no" $value }}{{ else if kindIs "float64" $value }}{{ int64 $value }}{{ else }}{{ $value }}{{ end }}
{{- end }}
{{- with .Values.extraConfig }}
{{ . | trimSuffix "\n" }}
{{- end }}
{{- end }}
