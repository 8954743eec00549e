// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/internal/chart.h"

#include <fmt/format.h>

namespace blindbox::deploy::internal {
namespace {

constexpr const char* kSchema = R"({
  "$schema": "https://json-schema.org/draft-07/schema#",
  "type": "object",
  "additionalProperties": false,
  "required": ["platform", "image", "ccePolicy", "initdata", "runtimeClassName", "tlsPort", "replicas", "cpu", "memoryGiB"],
  "properties": {
    "platform": {"enum": ["plain", "virtual-nodes", "confidential"]},
    "image": {"type": "string", "pattern": "^[^\\s\"']+@sha256:[0-9a-f]{64}$"},
    "ccePolicy": {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
    "initdata": {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
    "runtimeClassName": {"type": "string", "pattern": "^[a-z0-9-]*$"},
    "tlsPort": {"type": "integer", "minimum": 1, "maximum": 65535},
    "replicas": {"type": "integer", "minimum": 1},
    "cpu": {"type": "integer", "minimum": 1},
    "memoryGiB": {"type": "integer", "minimum": 1},
    "global": {"type": "object"},
    "service": {
      "type": "object",
      "additionalProperties": false,
      "properties": {"type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}}
    },
    "autoscaling": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "enabled": {"type": "boolean"},
        "maxReplicas": {"type": "integer", "minimum": 1},
        "metric": {"type": "string", "minLength": 1},
        "target": {"type": "string", "pattern": "^[1-9][0-9]*m?$"}
      }
    },
    "environment": {"type": "object", "additionalProperties": {"type": "string"}},
    "egress": {
      "type": "array",
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": ["host", "block", "port"],
        "properties": {
          "host": {"type": "string"},
          "block": {"type": "string"},
          "port": {"type": "integer", "minimum": 1, "maximum": 65535}
        }
      }
    }
  }
}
)";

constexpr const char* kHelpers = R"({{- define "blindbox.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end -}}

{{- /* What must not be empty, said in a sentence: without it the pods would start and stop, and nobody would know why. */ -}}
{{- define "blindbox.check" -}}
{{- if and (eq .Values.platform "virtual-nodes") (empty .Values.ccePolicy) -}}
{{- fail "ccePolicy is empty: the enclave would take any container. Run \"blindbox deploy --platform aks-virtual-nodes TAG\" and use the values.yaml that it writes." -}}
{{- end -}}
{{- if and (eq .Values.platform "confidential") (empty .Values.initdata) -}}
{{- fail "initdata is empty: nothing would bind the pod to its configuration. Run \"blindbox deploy --platform coco --initdata FILE TAG\" and use the values.yaml that it writes." -}}
{{- end -}}
{{- if and (eq .Values.platform "confidential") (empty .Values.runtimeClassName) -}}
{{- fail "runtimeClassName is empty: the pod would run outside of any enclave. Set it to kata-qemu-snp, kata-qemu-tdx, kata-remote or kata-qemu-coco-dev." -}}
{{- end -}}
{{- end -}}
)";

constexpr const char* kService = R"(apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "blindbox.labels" . | nindent 4 }}
spec:
  type: {{ .Values.service.type }}
  selector:
    {{- include "blindbox.labels" . | nindent 4 }}
  ports:
    - name: attested-tls
      protocol: TCP
      port: {{ .Values.tlsPort }}
      targetPort: {{ .Values.tlsPort }}
)";

constexpr const char* kDeployment = R"({{- include "blindbox.check" . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "blindbox.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "blindbox.labels" . | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  template:
    metadata:
      labels:
        {{- include "blindbox.labels" . | nindent 8 }}
      {{- if eq .Values.platform "virtual-nodes" }}
      annotations:
        microsoft.containerinstance.virtualnode.ccepolicy: {{ .Values.ccePolicy }}
      {{- else if eq .Values.platform "confidential" }}
      annotations:
        io.katacontainers.config.hypervisor.cc_init_data: {{ .Values.initdata }}
      {{- end }}
    spec:
      {{- if eq .Values.platform "virtual-nodes" }}
      nodeSelector:
        virtualization: virtualnode2
      tolerations:
        - key: virtual-kubelet.io/provider
          operator: Exists
          effect: NoSchedule
      {{- else if eq .Values.platform "confidential" }}
      runtimeClassName: {{ .Values.runtimeClassName }}
      {{- end }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 40
      containers:
        - name: blindbox
          image: {{ .Values.image | quote }}
          command: ["/.blindbox/init"]
          ports:
            - name: attested-tls
              protocol: TCP
              containerPort: {{ .Values.tlsPort }}
          {{- with .Values.environment }}
          env:
            {{- range $name, $value := . }}
            - name: {{ $name | quote }}
              value: {{ $value | quote }}
            {{- end }}
          {{- end }}
          securityContext:
            privileged: false
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
              add: [CHOWN, DAC_OVERRIDE, FOWNER, KILL, NET_BIND_SERVICE, SETFCAP, SETGID, SETPCAP, SETUID, SYS_CHROOT]
          readinessProbe:
            httpGet:
              scheme: HTTPS
              path: /.well-known/blindbox/ready
              port: {{ .Values.tlsPort }}
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 3
          resources:
            requests:
              cpu: {{ .Values.cpu }}
              memory: {{ .Values.memoryGiB }}Gi
            limits:
              cpu: {{ .Values.cpu }}
              memory: {{ .Values.memoryGiB }}Gi
)";

constexpr const char* kDisruption = R"(apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "blindbox.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "blindbox.labels" . | nindent 6 }}
)";

constexpr const char* kNetwork = R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "blindbox.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "blindbox.labels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - protocol: TCP
          port: {{ .Values.tlsPort }}
  {{- if not .Values.egress }}
  egress: []
  {{- else }}
  egress:
    {{- $ports := list }}
    {{- range .Values.egress }}
    {{- if .block }}
    - to:
        - ipBlock:
            cidr: {{ .block | quote }}
      ports:
        - protocol: TCP
          port: {{ .port }}
    {{- else }}
    {{- $ports = append $ports (int .port) }}
    {{- end }}
    {{- end }}
    {{- /* A NetworkPolicy knows no names; the egress proxy in the enclave does. */}}
    {{- range (uniq $ports | sortAlpha) }}
    - to:
        - ipBlock:
            cidr: 0.0.0.0/0
            except: [169.254.0.0/16]
      ports:
        - protocol: TCP
          port: {{ . }}
    {{- end }}
    {{- if $ports }}
    - ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 53
    {{- end }}
  {{- end }}
)";

constexpr const char* kAutoscaler = R"({{- if .Values.autoscaling.enabled }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "blindbox.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ .Release.Name }}
  minReplicas: {{ .Values.replicas }}
  maxReplicas: {{ .Values.autoscaling.maxReplicas }}
  metrics:
    - type: Pods
      pods:
        metric:
          name: {{ .Values.autoscaling.metric }}
        target:
          type: AverageValue
          averageValue: {{ .Values.autoscaling.target | quote }}
{{- end }}
)";

}  // namespace

std::vector<File> chart_files(const std::string& name) {
  const std::string chart = fmt::format(
      "apiVersion: v2\nname: {}\ndescription: an application sealed off in enclaves, behind attested TLS\n"
      "type: application\nversion: 0.1.0\n",
      name);
  return {{"helm/Chart.yaml", chart},
          {"helm/values.schema.json", kSchema},
          {"helm/templates/_helpers.tpl", kHelpers},
          {"helm/templates/service.yaml", kService},
          {"helm/templates/deployment.yaml", kDeployment},
          {"helm/templates/disruption-budget.yaml", kDisruption},
          {"helm/templates/network-policy.yaml", kNetwork},
          {"helm/templates/autoscaler.yaml", kAutoscaler}};
}

}  // namespace blindbox::deploy::internal
