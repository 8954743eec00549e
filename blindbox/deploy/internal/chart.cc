// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/internal/chart.h"

#include <fmt/format.h>

#include "blindbox/deploy/internal/chart_resources.h"

namespace blindbox::deploy::internal {
namespace {

constexpr const char* kSchema = R"({
  "$schema": "https://json-schema.org/draft-07/schema#",
  "type": "object",
  "additionalProperties": false,
  "required": ["platform", "image", "tlsPort", "replicas", "cpu", "memoryGiB", "service", "autoscaling"],
  "properties": {
    "platform": {"enum": ["plain", "virtual-nodes", "confidential"]},
    "image": {"type": "string"},
    "ccePolicy": {"type": "string"},
    "initdata": {"type": "string"},
    "runtimeClassName": {"type": "string"},
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

{{- /* What would fail later, or seal nothing off, said in a sentence; the types alone are the schema's. */ -}}
{{- define "blindbox.check" -}}
{{- $values := .Values -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" .Release.Name) -}}
{{- fail (printf "the release's name %q names no Service: small letters, digits and hyphens, beginning with a letter." .Release.Name) -}}
{{- end -}}
{{- if not (regexMatch "^[^\\s\"']+@sha256:[0-9a-f]{64}$" $values.image) -}}
{{- fail (printf "image %q is not named by its digest: a tag can be moved to an image that was never measured. Run \"blindbox deploy TAG\" and use the values.yaml that it writes." $values.image) -}}
{{- end -}}
{{- if eq $values.platform "virtual-nodes" -}}
{{- if empty $values.ccePolicy -}}
{{- fail "ccePolicy is empty: the enclave would take any container. Run \"blindbox deploy --platform aks-virtual-nodes TAG\" and use the values.yaml that it writes." -}}
{{- end -}}
{{- if not (regexMatch "^[A-Za-z0-9+/]+={0,2}$" $values.ccePolicy) -}}
{{- fail "ccePolicy is no base64: Azure would refuse the pods. Use the values.yaml that \"blindbox deploy --platform aks-virtual-nodes TAG\" writes." -}}
{{- end -}}
{{- end -}}
{{- if eq $values.platform "confidential" -}}
{{- if empty $values.initdata -}}
{{- fail "initdata is empty: nothing would bind the pod to its configuration. Run \"blindbox deploy --platform coco --initdata FILE TAG\" and use the values.yaml that it writes." -}}
{{- end -}}
{{- if not (regexMatch "^[A-Za-z0-9+/]+={0,2}$" $values.initdata) -}}
{{- fail "initdata is no base64: the annotation takes the document compressed and encoded. Use the values.yaml that \"blindbox deploy --platform coco --initdata FILE TAG\" writes." -}}
{{- end -}}
{{- if empty $values.runtimeClassName -}}
{{- fail "runtimeClassName is empty: the pod would run outside of any enclave. Set it to kata-qemu-snp, kata-qemu-tdx, kata-remote or kata-qemu-coco-dev." -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$" $values.runtimeClassName) -}}
{{- fail (printf "runtimeClassName %q is no name of Kubernetes': small letters, digits, hyphens and dots. Set it to kata-qemu-snp, kata-qemu-tdx, kata-remote or kata-qemu-coco-dev." $values.runtimeClassName) -}}
{{- end -}}
{{- end -}}
{{- if and $values.autoscaling.enabled (lt (int $values.autoscaling.maxReplicas) (int $values.replicas)) -}}
{{- fail (printf "autoscaling.maxReplicas is %d, and replicas, the least number of pods, is %d: raise the one or lower the other." (int $values.autoscaling.maxReplicas) (int $values.replicas)) -}}
{{- end -}}
{{- end -}}
)";

constexpr const char* kNotes = R"({{ .Release.Name }} runs {{ .Values.image }}

Pods are ready once the security processor has answered and the application is well:
  kubectl --namespace {{ .Release.Namespace }} rollout status deployment/{{ .Release.Name }}

The address of the service:
  kubectl --namespace {{ .Release.Namespace }} get service {{ .Release.Name }}
{{ if eq .Values.platform "plain" }}
This is a plain cluster and no TEE: clients with a policy refuse what runs here.
{{- else }}
Does it run what you published? As clients ask, with your release:
  blindbox verify https://ADDRESS:{{ .Values.tlsPort }} --release release.json --trust root.json

During an upgrade pods of both releases answer. Clients take both: connect with --release NEW --release OLD.
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
          {"helm/templates/NOTES.txt", kNotes},
          {"helm/templates/service.yaml", kService},
          {"helm/templates/deployment.yaml", kDeployment},
          {"helm/templates/disruption-budget.yaml", kDisruption},
          {"helm/templates/network-policy.yaml", kNetwork},
          {"helm/templates/autoscaler.yaml", kAutoscaler}};
}

}  // namespace blindbox::deploy::internal
