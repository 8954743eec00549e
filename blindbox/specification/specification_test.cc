// SPDX-License-Identifier: Apache-2.0
#include "blindbox/specification/specification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/specification/starting_point.h"

namespace blindbox::specification {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Specification read(std::string_view yaml) {
  auto parsed = parse_yaml(yaml, "blindbox.yml");
  EXPECT_TRUE(parsed) << (parsed ? "" : base::to_string(parsed.error()));
  return parsed.value_or(Specification{});
}

std::string refusal(std::string_view yaml) {
  const auto parsed = parse_yaml(yaml, "blindbox.yml");
  EXPECT_FALSE(parsed) << yaml;
  return parsed ? "" : parsed.error().what;
}

Specification measured() {
  Specification out = read("platform: azure-aci\nport: 80\n");
  out.application.command = {"/bin/server", "--port", "80"};
  out.application.environment = {"PATH=/bin", "LANG=C.UTF-8"};
  return out;
}

TEST(Yaml, everything_that_may_stand_there) {
  const Specification all = read(R"(
version: 1
platform: sev-snp-vm
port: 8000
tls_port: 443
health: {path: /health, interval: 500ms, timeout: 1s, start: 5m}
egress: ["API.example.com.:443", "*.example.com:8443", "192.0.2.7:5432", "[2001:DB8::1]:443"]
writable: [{path: /tmp, size: 64MiB}, {path: /var/cache/app, size: 1GiB}]
environment: [GREETING]
limits: {memory: 2GiB, processes: 64, file_size: 10MiB, open_files: 256}
restart: always
output: stderr
isolation: {minimum_tier: confined}
)");
  EXPECT_EQ(all.platform, Platform::sev_snp_vm);
  EXPECT_EQ(all.port, 8000);
  EXPECT_EQ(all.tls_port, 443);
  EXPECT_EQ(all.health->interval, std::chrono::milliseconds(500));
  EXPECT_THAT(all.egress, ElementsAre(Egress{"api.example.com", 443}, Egress{"*.example.com", 8443},
                                      Egress{"192.0.2.7", 5432}, Egress{"2001:db8::1", 443}));
  EXPECT_THAT(all.writable, ElementsAre(Writable{"/tmp", 64 << 20}, Writable{"/var/cache/app", 1 << 30}));
  EXPECT_THAT(all.environment_passed, ElementsAre("GREETING"));
  EXPECT_EQ(all.limits.memory, std::uint64_t{2} << 30);
  EXPECT_EQ(all.restart, Restart::always);
  EXPECT_EQ(all.output, Output::standard_error);
  EXPECT_EQ(all.minimum_tier, Tier::confined);
}

TEST(Yaml, a_file_of_2023_works_as_it_is) {
  EXPECT_EQ(read("platform: azure-sev\n# Put the allowed IP addresses here\nip-rules: []\n"),
            read("platform: azure-aci\n"));
}

TEST(Yaml, rules_of_2023_are_refused_with_the_key_to_use) {
  EXPECT_THAT(refusal("platform: azure-sev\nip-rules:\n  - 192.0.2.1\n"), HasSubstr("egress: [\"192.0.2.1:PORT\"]"));
  EXPECT_THAT(refusal("platform: azure-sev\ndns-ip-rules: [168.63.129.16]\n"), HasSubstr("remove it"));
}

TEST(Yaml, nothing_leaves_and_nothing_is_written_by_default) {
  const Specification plain = read("platform: azure-aci\n");
  EXPECT_TRUE(plain.egress.empty() && plain.writable.empty() && plain.environment_passed.empty());
  EXPECT_EQ(plain.output, Output::none);
  EXPECT_EQ(plain.minimum_tier, Tier::namespaces);
}

TEST(Yaml, what_is_refused_and_where) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"port: 80\n", "the key platform is missing"},
      {"platform: azure-aci\nprot: 80\n", "blindbox.yml:2:1: unknown key prot"},
      {"platform: azure-aci\nport: 80\nport: 81\n", "blindbox.yml:3:1: duplicate key port"},
      {"platform: aws-nitro\n", "azure-aci"},
      {"platform: azure-aci\nport: 0\n", "0 is no port"},
      {"platform: azure-aci\nport: 65536\n", "up to 65535"},
      {"platform: azure-aci\negress: [example.com]\n", "no port"},
      {"platform: azure-aci\negress: [\"*:443\"]\n", "no host name"},
      {"platform: azure-aci\negress: [\"a.*.com:443\"]\n", "no host name"},
      {"platform: azure-aci\negress: [\"1.2.3:443\"]\n", "no host name"},
      {"platform: azure-aci\negress: [\"2001:db8::1:443\"]\n", "no host name"},
      {"platform: azure-aci\negress: [\"a.com:443\", \"A.com:443\"]\n", "twice"},
      {"platform: azure-aci\nwritable: [{path: /, size: 1MiB}]\n", "no absolute path"},
      {"platform: azure-aci\nwritable: [{path: /a/../b, size: 1MiB}]\n", "no absolute path"},
      {"platform: azure-aci\nwritable: [{path: /.blindbox/x, size: 1MiB}]\n", "belongs to blindbox-init"},
      {"platform: azure-aci\nwritable: [{path: /proc/self, size: 1MiB}]\n", "belongs to blindbox-init"},
      {"platform: azure-aci\nwritable: [{path: /a, size: 1MiB}, {path: /a/b, size: 1MiB}]\n", "lie in each other"},
      {"platform: azure-aci\nwritable: [{path: /a, size: 1MB}]\n", "expected a size"},
      {"platform: azure-aci\nwritable: [{path: /a}]\n", "size is missing"},
      {"platform: azure-aci\nenvironment: [LD_PRELOAD]\n", "runs code of theirs"},
      {"platform: azure-aci\nenvironment: [A=b]\n", "no name of a variable"},
      {"platform: azure-aci\nhealth: {path: health}\n", "must begin"},
      {"platform: azure-aci\nhealth: {path: /h, interval: 0s}\n", "cannot be zero"},
      {"platform: azure-aci\nhealth: {path: /h, interval: 25h}\n", "at most a day"},
      {"platform: azure-aci\nlimits: {processes: 0}\n", "no application runs"},
      {"platform: azure-aci\nrestart: sometimes\n", "never, on-failure, always"},
      {"platform: azure-aci\nisolation: {minimum_tier: none}\n", "filtered, namespaces, confined"},
      {"platform: azure-aci\nisolation: {minimum_tier: filtered}\nport: 8443\n", "cannot share port"},
      {"platform: &a azure-aci\n", "anchors"},
      {"", "empty"},
  };
  for (const auto& [yaml, what] : cases) EXPECT_THAT(refusal(yaml), HasSubstr(what)) << yaml;
}

TEST(Yaml, an_oversize_file_is_not_parsed) {
  const auto parsed = parse_yaml(std::string(kSpecificationCap + 1, '#'), "blindbox.yml");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::limit);
}

TEST(Yaml, what_init_writes_reads_back_as_the_defaults) {
  for (const Platform platform : {Platform::azure_aci, Platform::sev_snp_vm}) {
    Specification expected;
    expected.platform = platform;
    expected.port = 8000;
    expected.writable = {{"/tmp", 64 << 20}};
    EXPECT_EQ(read(starting_point(platform, 8000)), expected);
  }
  EXPECT_EQ(read(starting_point(Platform::azure_aci, 0)).port, 0);
}

TEST(Json, round_trip) {
  Specification all = measured();
  all.health = Health{"/health", std::chrono::seconds(1), std::chrono::seconds(1), std::chrono::seconds(9)};
  all.egress = {{"2001:db8::1", 443}, {"*.example.com", 443}};
  all.writable = {{"/tmp", 1 << 20}};
  all.application.user = "nobody:nogroup";
  const auto back = decode(encode(all));
  ASSERT_TRUE(back) << base::to_string(back.error());
  EXPECT_EQ(*back, all);
}

TEST(Json, the_bytes_are_these) {
  EXPECT_EQ(
      encode(measured()),
      R"({"application":{"command":["/bin/server","--port","80"],"environment":["PATH=/bin","LANG=C.UTF-8"],)"
      R"("stop_signal":"SIGTERM","user":"","working_directory":"/"},"egress":[],"environment_passed":[],"health":null,)"
      R"("limits":{"file_size":1073741824,"memory":0,"open_files":1024,"processes":512},)"
      R"("minimum_tier":"namespaces","output":"none","platform":"azure-aci","port":80,"restart":"on-failure",)"
      R"("schema":"blindbox/specification/v1","tls_port":8443,"writable":[]})");
}

TEST(Json, only_what_encode_writes_is_read) {
  const std::string good = encode(measured());
  const auto changed = [&good](std::string_view from, std::string_view to) {
    std::string out = good;
    return out.replace(out.find(from), from.size(), to);
  };
  ASSERT_TRUE(decode(good));
  for (const std::string& bad :
       {changed("\"port\":80", "\"port\":80,\"port\":80"), changed("\"port\":80", "\"port\":80.0"),
        changed("\"port\":80", "\"port\":0"), changed("\"port\":80", "\"port\":65616"), changed("\"user\":\"\",", ""),
        changed("{\"application\"", "{ \"application\""), changed("\"output\":\"none\"", "\"output\":\"some\""),
        changed("v1", "v2"), changed("[\"/bin/server\",\"--port\",\"80\"]", "[]"), changed("LANG=C.UTF-8", "LANG"),
        changed("LANG=C.UTF-8", "PATH=/evil"), changed("SIGTERM", "SIGKILL"), std::string("null"), std::string("{}"),
        std::string("[")}) {
    const auto read = decode(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().kind, ErrorKind::malformed) << bad;
  }
}

TEST(Json, every_cut_is_refused) {
  const std::string good = encode(measured());
  for (std::size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(decode(good.substr(0, length)));
}

}  // namespace
}  // namespace blindbox::specification
