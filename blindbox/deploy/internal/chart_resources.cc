// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/internal/chart_resources.h"

namespace blindbox::deploy::internal {

const char* const kService = R"(apiVersion: v1
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

const char* const kDeployment = R"({{- include "blindbox.check" . -}}
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
        microsoft.containerinstance.virtualnode.ccepolicy: {{ .Values.ccePolicy | quote }}
      {{- else if eq .Values.platform "confidential" }}
      annotations:
        io.katacontainers.config.hypervisor.cc_init_data: {{ .Values.initdata | quote }}
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
      runtimeClassName: {{ .Values.runtimeClassName | quote }}
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
          {{- /* Kubelet would put a variable's value in $(NAME)'s place, and one $ in that of two. */}}
          env:
            {{- range $name, $value := . }}
            - name: {{ $name | quote }}
              value: {{ $value | replace "$" "$$" | quote }}
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

const char* const kDisruption = R"(apiVersion: policy/v1
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

const char* const kNetwork = R"(apiVersion: networking.k8s.io/v1
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
    {{- range (uniq $ports) }}
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

const char* const kAutoscaler = R"({{- if .Values.autoscaling.enabled }}
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

}  // namespace blindbox::deploy::internal
