// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "blindbox/deploy/container.h"
#include "blindbox/deploy/internal/seen.h"
#include "blindbox/deploy/lint.h"

namespace blindbox::deploy {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Deployment make() {
  Deployment out;
  out.image = "images.example.com/team/hello@sha256:" + std::string(64, 'a');
  out.specification.environment_passed = {"GREETING"};
  out.policy = measure::write_rego(
      container_policy(out.specification, {base::sha256(base::view("layer"))}, Group::container_instances));
  return out;
}

std::string file(const std::vector<File>& files, const std::string& path) {
  for (const File& one : files) {
    if (one.path == path) return one.contents;
  }
  ADD_FAILURE() << "no " << path;
  return "";
}

std::string problem(Deployment deployment) {
  const auto checked = check(deployment);
  return checked ? "" : checked.error().what;
}

TEST(Deployment, WhatNoCloudTakes) {
  EXPECT_EQ(problem(make()), "");
  for (const char* const name : {"", "Upper", "-a", "a-", "a b", "a'b", "1a", "a${x}"}) {
    Deployment bad = make();
    bad.name = name;
    EXPECT_THAT(problem(bad), HasSubstr("not a name")) << name;
  }
  for (const std::string& image : {std::string("hello"), std::string("hello:latest"),
                                   "h@sha256:" + std::string(63, 'a'), "@sha256:" + std::string(64, 'a')}) {
    Deployment bad = make();
    bad.image = image;
    EXPECT_THAT(problem(bad), HasSubstr("not named by its digest")) << image;
  }
  Deployment quotes = make();
  quotes.image = "r.example.com/a'b@sha256:" + std::string(64, 'a');
  EXPECT_THAT(problem(quotes), HasSubstr("not a name of an image"));
  Deployment lines = make();
  lines.environment["GREETING"] = "a\nb";
  EXPECT_THAT(problem(lines), HasSubstr("no line of UTF-8"));
  // Bytes that do not become fewer: an annotation holds less than that.
  Deployment initdata = make();
  for (unsigned i = 0; initdata.initdata.size() < (std::size_t{300} << 10); ++i) {
    const auto digest = base::sha256(base::view(std::to_string(i)));
    initdata.initdata.append(base::as_text(digest));
  }
  EXPECT_THAT(problem(initdata), HasSubstr("too long for a pod's annotation"));
  initdata.initdata.resize(std::size_t{100} << 10);
  EXPECT_EQ(problem(initdata), "");
}

TEST(Deployment, ValuesStayValuesInEveryLanguage) {
  Deployment from = make();
  from.environment["GREETING"] = "[concat('x')]${a}%{b}'\"\\";
  const auto files = render_azure(from);
  const auto arm = nlohmann::json::parse(file(files, "template.json"));
  EXPECT_EQ(arm["resources"][0]["properties"]["containers"][0]["properties"]["environmentVariables"][0]["value"],
            "[[concat('x')]${a}%{b}'\"\\")
      << "two brackets: no expression";
  EXPECT_THAT(file(files, "main.bicep"), HasSubstr(R"(value: '[concat(\'x\')]\${a}%{b}\'"\\')"));
  EXPECT_THAT(file(files, "main.tf"), HasSubstr(R"(value = "[concat('x')]$${a}%%{b}'\"\\")"));
}

// Kubelet would put another variable's value in the place of $(NAME); tests/cluster asks its own code.
TEST(Deployment, ValuesAreNoReferencesToKubernetes) {
  Deployment from = make();
  from.environment["GREETING"] = "$(PATH) $$ \\";
  const auto files = render_kubernetes(from, Cluster::plain);
  EXPECT_THAT(file(files, "kubernetes.yaml"), HasSubstr(R"(value: "$$(PATH) $$$$ \\")"));
  EXPECT_THAT(file(files, "helm/values.yaml"), HasSubstr(R"("GREETING": "$(PATH) $$ \\")"));
}

TEST(Deployment, ThereIsRoomToScale) {
  Deployment from = make();
  from.replicas = 10;
  EXPECT_THAT(file(render_kubernetes(from, Cluster::plain), "helm/values.yaml"), HasSubstr("maxReplicas: 40"));
}

TEST(Deployment, TheVirtualNodesPolicyIsAnother) {
  const specification::Specification specification;
  const auto azure = container_policy(specification, {}, Group::container_instances);
  const auto node = container_policy(specification, {}, Group::virtual_node);
  EXPECT_EQ(azure.containers.front().mounts.size(), 1U);
  EXPECT_EQ(node.containers.front().mounts.size(), 5U);
  EXPECT_EQ(node.containers.front().mounts[1].options.back(), "ro");
  EXPECT_GT(node.containers.front().environment.size(), azure.containers.front().environment.size());
}

TEST(Lint, NothingToSayOfItsOwn) {
  const auto remarks = lint(file(render_azure(make()), "template.json"), "t", std::nullopt);
  ASSERT_TRUE(remarks) << remarks.error().what;
  EXPECT_THAT(*remarks, IsEmpty());
}

TEST(Lint, TemplatesOfOtherPeople) {
  const auto kind = [](const std::string& text) {
    const auto remarks = lint(text, "t", std::nullopt);
    return remarks ? std::string() : base::kind_name(remarks.error().kind);
  };
  EXPECT_EQ(kind(""), "usage");
  EXPECT_EQ(kind("{"), "malformed");
  EXPECT_EQ(kind(R"({"resources":[{"type":7}]})"), "usage");
  EXPECT_EQ(kind(std::string(200000, '{')), "malformed");
  EXPECT_EQ(kind("{\"a\":" + std::string(200000, '[')), "malformed");
  EXPECT_EQ(kind(std::string(kTemplateCap + 1, ' ')), "limit");
  EXPECT_EQ(kind("a: &x [*x]\n"), "malformed");
  std::string many = "a: 1\n";
  for (int i = 0; i < 300; ++i) many += "---\na: 1\n";
  EXPECT_EQ(kind(many), "limit");
  EXPECT_EQ(kind(R"({"resources":[{"type":"Microsoft.Resources/deployments","properties":{"template":{"resources":
    [{"type":"Microsoft.ContainerInstance/containerGroups"}]}}}]})"),
            "")
      << "within another";
  EXPECT_EQ(kind("kind: List\nitems:\n- kind: Pod\n  spec:\n    containers: []\n"), "");
  // The form of language version 2.0, a container with nothing in it, members of other types.
  const auto remarks = lint(R"({"resources":{"g":{"type":"microsoft.containerinstance/CONTAINERGROUPS","properties":
    {"sku":7,"containers":[{},7],"confidentialComputeProperties":{"ccePolicy":"%%"}}}}})",
                            "t", std::nullopt);
  ASSERT_TRUE(remarks);
  EXPECT_THAT(*remarks, Contains(Field(&Remark::what, HasSubstr("there is no SKU"))));
  EXPECT_THAT(*remarks, Contains(Field(&Remark::what, HasSubstr("no base64"))));
}

TEST(Lint, NoGroupIsPassedOver) {
  const std::string group = R"({"type":"Microsoft.ContainerInstance/containerGroups"})";
  std::string many = "{\"resources\":[" + group;
  for (int i = 1; i < 64; ++i) many += "," + group;
  EXPECT_TRUE(lint(many + "]}", "t", std::nullopt));
  const auto more = lint(many + "," + group + "]}", "t", std::nullopt);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, ErrorKind::limit);
}

// The template of make() with another policy in it.
std::string with_policy(const std::string& policy) {
  Deployment from = make();
  from.policy = policy;
  return file(render_azure(from), "template.json");
}

TEST(Lint, RulesBesideTheListAreSeen) {
  const std::string good = make().policy;
  for (const std::string& added :
       {std::string("\ncreate_container := {\"allowed\": true}\n"), std::string("\ndefault mount_device := true\n"),
        std::string("\nexec_in_container {\n  true\n}\n"), std::string("\nallow_x := true { true }\n"),
        std::string("\nallow_dump_stacks := true\n"), std::string("\n\tx = 1\n")}) {
    const auto remarks = lint(with_policy(good + added), "t", std::nullopt);
    ASSERT_TRUE(remarks) << remarks.error().what;
    EXPECT_THAT(*remarks, Contains(Field(&Remark::what, HasSubstr("no container policy needs")))) << added;
  }
  std::string turned = good;
  const std::string point = "create_container := data.framework.create_container";
  turned.replace(turned.find(point), point.size(), "create_container := data.framework.mount_device");
  const auto remarks = lint(with_policy(turned), "t", std::nullopt);
  ASSERT_TRUE(remarks);
  EXPECT_THAT(*remarks, Contains(Field(&Remark::what, HasSubstr("needs: create_container := "))));
  EXPECT_THAT(*lint(with_policy(good + "\n# a remark\n\n"), "t", std::nullopt), IsEmpty());
}

// Many containers against many entries of a policy, many variables against many rules: quick, or refused.
TEST(Lint, WorkIsBounded) {
  measure::ContainerPolicy many;
  for (int i = 0; i < 1000; ++i) many.containers.push_back(measure::pause_container());
  const auto entries = lint(with_policy(measure::write_rego(many)), "t", std::nullopt);
  ASSERT_TRUE(entries);
  EXPECT_THAT(*entries, Contains(Field(&Remark::what, HasSubstr("more than 256 containers"))));

  auto policy = container_policy({}, {}, Group::container_instances);
  for (int i = 0; i < 2000; ++i) policy.containers.front().environment.push_back({"(a|b)*c=.+", "re2", false});
  auto arm = nlohmann::json::parse(with_policy(measure::write_rego(policy)));
  auto& containers = arm["resources"][0]["properties"]["containers"];
  auto& variables = containers[0]["properties"]["environmentVariables"];
  for (int i = 0; i < 2000; ++i) variables.push_back({{"name", "V" + std::to_string(i)}, {"value", "aaaaaaaaaaaa"}});
  const auto compared = lint(arm.dump(), "t", std::nullopt);
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().kind, ErrorKind::limit);

  // Expressions that the C library would take gigabytes for.
  for (const char* const repeat : {"+)", "*)+", "?)+"}) {
    std::string pattern(60, '(');
    pattern += "a";
    for (int i = 0; i < 60; ++i) pattern += repeat;
    policy.containers.front().environment = {{pattern + "=.+", "re2", false}};
    EXPECT_TRUE(lint(with_policy(measure::write_rego(policy)), "t", std::nullopt)) << repeat;
  }

  // One long value that everything names.
  arm["parameters"]["long"]["defaultValue"] = std::string(std::size_t{2} << 20, 'x');
  variables = nlohmann::json::array();
  for (int i = 0; i < 20000; ++i) variables.push_back({{"name", "[parameters('long')]"}});
  EXPECT_TRUE(lint(arm.dump(), "t", std::nullopt));
  for (int i = 0; i < 300; ++i) containers.push_back({{"name", "c"}});
  const auto crowd = lint(arm.dump(), "t", std::nullopt);
  ASSERT_FALSE(crowd);
  EXPECT_THAT(crowd.error().what, HasSubstr("more than 256 containers"));
}

TEST(Lint, FilesOfOtherTools) {
  const auto windows =
      lint("kind: Service\r\n---\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - image: a:1\r\n", "t", std::nullopt);
  ASSERT_TRUE(windows) << windows.error().what;
  EXPECT_THAT(*windows, Contains(Field(&Remark::what, "a:1 is named by a tag")));
  for (const char* const text :
       {"{{- if .Values.x }}\nkind: Pod\n{{- end }}\n", "kind: '{{ .Values.kind }}'\n",
        "kind: Pod\nspec: '{{ toYaml .Values.spec }}'\n",
        "kind: Job\nspec: {template: {spec: {containers: '{{ .Values.containers }}'}}}\n",
        "kind: Pod\nspec: {containers: [{image: 'a:1'}]}\n---\n'{{ include \"more\" . }}'\n"}) {
    const auto chart = lint(text, "t", std::nullopt);
    ASSERT_FALSE(chart) << text;
    EXPECT_THAT(chart.error().hint, HasSubstr("helm template")) << text;
  }
}

// Rules of Prometheus, dashboards and workflows hold braces that are not Helm's.
TEST(Lint, BracesInTexts) {
  const std::string rule = "kind: ConfigMap\ndata:\n  rule: '{{ $labels.instance }} is down'\n";
  EXPECT_THAT(lint(rule, "t", std::nullopt).error().what, HasSubstr("runs no container"));
  EXPECT_THAT(lint(R"({"title": "{{ instance }}"})", "t", std::nullopt).error().what, HasSubstr("runs no container"));
  EXPECT_TRUE(lint(rule + "---\nkind: Pod\nspec: {containers: [{image: 'a:1'}]}\n", "t", std::nullopt));
}

TEST(Lint, PortsAreOfTcpUnlessTheySayOtherwise) {
  const auto remarks = lint(R"({"resources":[{"type":"Microsoft.ContainerInstance/containerGroups","properties":
    {"ipAddress":{"ports":[{"port":8443},{"port":53,"protocol":"UDP"}]}}}]})",
                            "t", std::nullopt);
  ASSERT_TRUE(remarks);
  EXPECT_THAT(*remarks, Contains(Field(&Remark::what, "UDP 53 is no TCP port")));
  EXPECT_THAT(*remarks, ::testing::Not(Contains(Field(&Remark::what, HasSubstr("8443 is no")))));
}

TEST(Lint, RulesForVariables) {
  using internal::matches;
  EXPECT_TRUE(matches({"string", "A=b"}, "A", "b").value());
  EXPECT_FALSE(matches({"string", "A=b"}, "A", "c").value());
  EXPECT_TRUE(matches({"string", "A=b"}, "A", std::nullopt).value());
  EXPECT_TRUE(matches({"re2", "A=.+"}, "A", "x").value());
  EXPECT_FALSE(matches({"re2", "A=.+"}, "A", "").value());
  EXPECT_FALSE(matches({"re2", "A=.+"}, "BA", "x").value()) << "the whole entry";
  EXPECT_TRUE(matches({"re2", "(?i)(FABRIC)_.+=.+"}, "Fabric_X", "1").value());
  EXPECT_TRUE(matches({"re2", "(?i)(FABRIC)_.+=.+"}, "Fabric_X", std::nullopt).value());
  EXPECT_FALSE(matches({"re2", "T(E)?MP=.+"}, "TEMPO", "/x").value());
  EXPECT_FALSE(matches({"re2", "(?:a)=.+"}, "a", "b").has_value()) << "beyond what is read";
  EXPECT_FALSE(matches({"re2", "(a{1,9}){1,9}=.+"}, "a", "b").has_value());
  EXPECT_FALSE(matches({"re2", std::string(100000, '(')}, "a", "b").has_value());
}

}  // namespace
}  // namespace blindbox::deploy
