// SPDX-License-Identifier: Apache-2.0
// One confidential container group in three languages. What the policy demands must be what the template asks for: the
// program by its absolute path, no new privileges, no volumes, no variables but those that the image passes on.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "blindbox/base/bytes.h"
#include "blindbox/deploy/deployment.h"

namespace blindbox::deploy {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view kApiVersion = "2023-05-01";
constexpr std::string_view kPolicyFile = "container-policy.rego";

std::string restart_policy(specification::Restart restart) {
  switch (restart) {
    case specification::Restart::never: return "Never";
    case specification::Restart::on_failure: return "OnFailure";
    case specification::Restart::always: return "Always";
  }
  return "OnFailure";
}

// What begins with a bracket would be an expression of ARM's.
std::string arm_text(const std::string& text) { return text.starts_with("[") ? "[" + text : text; }

json tcp(std::uint16_t port) { return {{"protocol", "TCP"}, {"port", port}}; }

json arm_container(const Deployment& from) {
  const auto port = from.specification.tls_port;
  json variables = json::array();
  for (const auto& [name, value] : from.environment) variables.push_back({{"name", name}, {"value", arm_text(value)}});
  return {{"name", "blindbox"},
          {"properties",
           {{"image", from.image},
            {"command", json::array({std::string(specification::kInitPath)})},
            {"ports", json::array({tcp(port)})},
            {"environmentVariables", std::move(variables)},
            {"securityContext", {{"privileged", false}, {"allowPrivilegeEscalation", false}}},
            {"resources",
             {{"requests", {{"cpu", "[parameters('cpu')]"}, {"memoryInGB", "[parameters('memoryInGB')]"}}}}}}}};
}

json arm_parameters(const Deployment& from) {
  const auto text = [](const char* what) { return json{{"type", "string"}, {"metadata", {{"description", what}}}}; };
  json name = text("of the container group");
  name["defaultValue"] = from.name;
  json location = text("a region that offers confidential container groups");
  location["defaultValue"] = "[resourceGroup().location]";
  return {{"name", std::move(name)},
          {"location", std::move(location)},
          {"identityId", text("resource id of the user-assigned managed identity that may pull the image (AcrPull)")},
          {"cpu", {{"type", "int"}, {"defaultValue", from.cpu}}},
          {"memoryInGB", {{"type", "int"}, {"defaultValue", from.memory_gib}}}};
}

std::string arm_template(const Deployment& from) {
  const json credential = {{"server", registry_of(from)}, {"identity", "[parameters('identityId')]"}};
  const json group = {
      {"type", "Microsoft.ContainerInstance/containerGroups"},
      {"apiVersion", kApiVersion},
      {"name", "[parameters('name')]"},
      {"location", "[parameters('location')]"},
      {"identity",
       {{"type", "UserAssigned"}, {"userAssignedIdentities", {{"[parameters('identityId')]", json::object()}}}}},
      {"properties",
       {{"sku", "Confidential"},
        {"osType", "Linux"},
        {"restartPolicy", restart_policy(from.specification.restart)},
        {"confidentialComputeProperties", {{"ccePolicy", base::to_base64(base::view(from.policy))}}},
        {"imageRegistryCredentials", json::array({credential})},
        {"ipAddress",
         {{"type", "Public"},
          {"dnsNameLabel", "[parameters('name')]"},
          {"ports", json::array({tcp(from.specification.tls_port)})}}},
        {"containers", json::array({arm_container(from)})}}}};
  const json out = {
      {"$schema", "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"},
      {"contentVersion", "1.0.0.0"},
      {"parameters", arm_parameters(from)},
      {"resources", json::array({group})},
      {"outputs",
       {{"url",
         {{"type", "string"},
          {"value", fmt::format("[format('https://{{0}}:{}', reference(resourceId('Microsoft.ContainerInstance/"
                                "containerGroups', parameters('name'))).ipAddress.fqdn)]",
                                from.specification.tls_port)}}}}}};
  return out.dump(2, ' ', true) + "\n";
}

// Bicep's strings: quotes, backslashes and "${" are its own.
std::string bicep_text(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'' || text[i] == '\\' || (text[i] == '$' && text.substr(i).starts_with("${"))) out += '\\';
    out += text[i];
  }
  return "'" + out + "'";
}

std::string bicep(const Deployment& from) {
  std::string variables;
  for (const auto& [name, value] : from.environment) {
    variables += fmt::format("            {{ name: {}, value: {} }}\n", bicep_text(name), bicep_text(value));
  }
  return fmt::format(R"(@description('of the container group')
param name string = '{name}'
@description('a region that offers confidential container groups')
param location string = resourceGroup().location
@description('resource id of the user-assigned managed identity that may pull the image (AcrPull)')
param identityId string
param cpu int = {cpu}
param memoryInGB int = {memory}

resource group 'Microsoft.ContainerInstance/containerGroups@{api}' = {{
  name: name
  location: location
  identity: {{
    type: 'UserAssigned'
    userAssignedIdentities: {{
      '${{identityId}}': {{}}
    }}
  }}
  properties: {{
    sku: 'Confidential'
    osType: 'Linux'
    restartPolicy: '{restart}'
    confidentialComputeProperties: {{
      ccePolicy: loadFileAsBase64('{policy}')
    }}
    imageRegistryCredentials: [
      {{ server: '{registry}', identity: identityId }}
    ]
    ipAddress: {{
      type: 'Public'
      dnsNameLabel: name
      ports: [
        {{ protocol: 'TCP', port: {port} }}
      ]
    }}
    containers: [
      {{
        name: 'blindbox'
        properties: {{
          image: '{image}'
          command: [ '{init}' ]
          ports: [
            {{ protocol: 'TCP', port: {port} }}
          ]
          environmentVariables: [
{variables}          ]
          securityContext: {{
            privileged: false
            allowPrivilegeEscalation: false
          }}
          resources: {{
            requests: {{ cpu: cpu, memoryInGB: memoryInGB }}
          }}
        }}
      }}
    ]
  }}
}}

output url string = 'https://${{group.properties.ipAddress.fqdn}}:{port}'
)",
                     fmt::arg("name", from.name), fmt::arg("cpu", from.cpu), fmt::arg("memory", from.memory_gib),
                     fmt::arg("api", kApiVersion), fmt::arg("restart", restart_policy(from.specification.restart)),
                     fmt::arg("policy", kPolicyFile), fmt::arg("registry", registry_of(from)),
                     fmt::arg("port", from.specification.tls_port), fmt::arg("image", from.image),
                     fmt::arg("init", specification::kInitPath), fmt::arg("variables", variables));
}

// Terraform's strings are JSON's, with two interpolations more.
std::string terraform_text(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] == '$' || text[i] == '%') && text.substr(i + 1).starts_with("{")) out += text[i];
    out += text[i];
  }
  return json(out).dump();
}

std::string terraform(const Deployment& from) {
  std::string variables;
  for (const auto& [name, value] : from.environment) {
    variables +=
        fmt::format("              {{ name = {}, value = {} }},\n", terraform_text(name), terraform_text(value));
  }
  return fmt::format(R"tf(terraform {{
  required_providers {{
    # azurerm has no argument for the container policy; azapi speaks to the same service.
    azapi = {{
      source  = "Azure/azapi"
      version = ">= 2.0.0"
    }}
  }}
}}

variable "name" {{
  type    = string
  default = "{name}"
}}

variable "location" {{
  description = "a region that offers confidential container groups"
  type        = string
}}

variable "resource_group_id" {{
  type = string
}}

variable "identity_id" {{
  description = "resource id of the user-assigned managed identity that may pull the image (AcrPull)"
  type        = string
}}

variable "cpu" {{
  type    = number
  default = {cpu}
}}

variable "memory_gib" {{
  type    = number
  default = {memory}
}}

resource "azapi_resource" "group" {{
  type      = "Microsoft.ContainerInstance/containerGroups@{api}"
  name      = var.name
  location  = var.location
  parent_id = var.resource_group_id
  identity {{
    type         = "UserAssigned"
    identity_ids = [var.identity_id]
  }}
  body = {{
    properties = {{
      sku           = "Confidential"
      osType        = "Linux"
      restartPolicy = "{restart}"
      confidentialComputeProperties = {{
        ccePolicy = filebase64("${{path.module}}/{policy}")
      }}
      imageRegistryCredentials = [{{ server = "{registry}", identity = var.identity_id }}]
      ipAddress = {{
        type         = "Public"
        dnsNameLabel = var.name
        ports        = [{{ protocol = "TCP", port = {port} }}]
      }}
      containers = [
        {{
          name = "blindbox"
          properties = {{
            image   = "{image}"
            command = ["{init}"]
            ports   = [{{ protocol = "TCP", port = {port} }}]
            environmentVariables = [
{variables}            ]
            securityContext = {{
              privileged               = false
              allowPrivilegeEscalation = false
            }}
            resources = {{
              requests = {{ cpu = var.cpu, memoryInGB = var.memory_gib }}
            }}
          }}
        }}
      ]
    }}
  }}
  response_export_values = ["properties.ipAddress.fqdn"]
}}

output "url" {{
  value = "https://${{azapi_resource.group.output.properties.ipAddress.fqdn}}:{port}"
}}
)tf",
                     fmt::arg("name", from.name), fmt::arg("cpu", from.cpu), fmt::arg("memory", from.memory_gib),
                     fmt::arg("api", kApiVersion), fmt::arg("restart", restart_policy(from.specification.restart)),
                     fmt::arg("policy", kPolicyFile), fmt::arg("registry", registry_of(from)),
                     fmt::arg("port", from.specification.tls_port), fmt::arg("image", from.image),
                     fmt::arg("init", specification::kInitPath), fmt::arg("variables", variables));
}

}  // namespace

std::vector<File> render_azure(const Deployment& deployment) {
  return {{"template.json", arm_template(deployment)},
          {"main.bicep", bicep(deployment)},
          {"main.tf", terraform(deployment)},
          {std::string(kPolicyFile), deployment.policy}};
}

}  // namespace blindbox::deploy
