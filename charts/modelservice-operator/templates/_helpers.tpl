{{- define "operator.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: modelservice-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Common labels may add to these, not change them. */ -}}
{{- define "operator.labels" -}}
{{- $labels := include "operator.selectorLabels" . | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/component" "operator" -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" "modelservice" -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $labels "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- merge $labels .Values.commonLabels | toYaml -}}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "operator.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | required "serviceAccount.name: name the account to use, or set serviceAccount.create=true" -}}
{{- end -}}
{{- end -}}

{{- /* The Secret with the private keys that sign pushes. */ -}}
{{- define "operator.pushSecret" -}}
{{- .Values.push.secretName | default (printf "%s-push" (include "operator.fullname" .)) -}}
{{- end -}}

{{- /* One image reference: (dict "root" $ "name" "agent"); a digest wins over a tag. */ -}}
{{- define "operator.image" -}}
{{- $image := index .root.Values.images .name -}}
{{- $registry := $image.registry | default .root.Values.images.registry | required "images.registry: set the registry that holds the operator's images, for example --set images.registry=registry.example.com/modelservice" -}}
{{- if $image.digest -}}
{{- printf "%s/%s@%s" $registry $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s/%s:%s" $registry $image.repository ($image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The settings document that the operator reads once at its start. */ -}}
{{- define "operator.platform" -}}
images:
  {{- range $name := list "agent" "converter" "trainer" "triton" }}
  {{ $name }}: {{ include "operator.image" (dict "root" $ "name" $name) | quote }}
  {{- end }}
{{- range $key := list "imagePullPolicy" "imagePullSecrets" "triton" "storage" "security" "modelStorage" "resources" }}
{{ dict $key (index $.Values $key) | toYaml }}
{{- end }}
{{- end -}}
