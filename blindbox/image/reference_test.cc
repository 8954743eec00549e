// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::image {
namespace {

const std::string kHex(64, 'a');

std::string full(const std::string& text) {
  const auto parsed = parse_reference(text);
  return parsed ? parsed->full_name() : "error: " + parsed.error().what;
}

TEST(Reference, names_without_a_host_are_of_the_default_registry) {
  EXPECT_EQ(full("busybox"), default_registry() + "/library/busybox:latest");
  EXPECT_EQ(full("docker://busybox:1.36"), default_registry() + "/library/busybox:1.36");
  EXPECT_EQ(full("mithril/blindbox:v1"), default_registry() + "/mithril/blindbox:v1");
  EXPECT_EQ(full("index." + default_registry() + "/busybox"), default_registry() + "/library/busybox:latest");
  EXPECT_NE(api_host(default_registry()), default_registry());
  EXPECT_EQ(api_host("hub.example"), "hub.example");
}

TEST(Reference, hosts_are_what_looks_like_one) {
  EXPECT_EQ(full("localhost/app"), "localhost/app:latest");
  EXPECT_EQ(full("localhost:5000/a/b_c/d__e/f--g.h:T-1.0"), "localhost:5000/a/b_c/d__e/f--g.h:T-1.0");
  EXPECT_EQ(full("127.0.0.1:5000/app"), "127.0.0.1:5000/app:latest");
  EXPECT_EQ(full("[::1]:5000/app"), "[::1]:5000/app:latest");
  EXPECT_EQ(full("Host/app"), "Host/app:latest");
}

TEST(Reference, digests_pin) {
  const auto parsed = parse_reference("hub.example/app:1@sha256:" + kHex).value();
  EXPECT_EQ(parsed.tag, "1");
  EXPECT_EQ(parsed.digest->hex(), kHex);
  EXPECT_EQ(parse_reference("hub.example/app@sha256:" + kHex)->tag, "");
}

TEST(Reference, folders_and_files_end_at_the_first_colon) {
  auto parsed = parse_reference("oci:/tmp/layout:hub.example:5000/app:1").value();
  EXPECT_EQ(parsed.transport, Transport::oci_layout);
  EXPECT_EQ(parsed.path, "/tmp/layout");
  EXPECT_EQ(parsed.name, "hub.example:5000/app:1");
  parsed = parse_reference("docker-archive:-").value();
  EXPECT_EQ(parsed.transport, Transport::docker_archive);
  EXPECT_EQ(parsed.path, "-");
  EXPECT_EQ(parsed.name, "");
  EXPECT_EQ(parse_reference("docker-archive:a.tar:app:2")->name, default_registry() + "/library/app:2");
}

TEST(Reference, text_parses_back) {
  for (const std::string text : {"docker://localhost:5000/a:1", "oci:dir:name", "oci:dir", "docker-archive:f.tar",
                                 "docker-archive:f.tar:localhost/a:1"}) {
    EXPECT_EQ(parse_reference(text)->text(), text);
  }
}

class BadReference : public ::testing::TestWithParam<std::string> {};

TEST_P(BadReference, is_a_usage_error_that_shows_it) {
  const auto parsed = parse_reference(GetParam());
  ASSERT_FALSE(parsed) << parsed->text();
  EXPECT_EQ(parsed.error().kind, ErrorKind::usage);
  EXPECT_THAT(parsed.error().what, ::testing::HasSubstr("not a reference"));
  EXPECT_FALSE(parsed.error().detail.empty());
}

INSTANTIATE_TEST_SUITE_P(References, BadReference,
                         ::testing::Values("", "docker://", "Busybox", "a//b", "/a", "a/", "a:", "a:b:c", "a@sha256:12",
                                           "a@md5:" + kHex, "a@sha256:" + std::string(64, 'A'), "a..b", "a___b", "_a",
                                           "a-", "a/../b", "a b", "a:-x", "a:" + std::string(129, 'x'),
                                           std::string(300, 'a'), "host.example:0/a", "host.example:99999/a",
                                           "-host.example/a", "host..example/a", "[::1/a", "[zz::1]/a",
                                           "oci:", "oci::x", "oci:d:", "oci:d:a//b", "oci:d:/a",
                                           "docker-archive:", "docker-archive:f:", "docker-archive:f:a@sha256:" + kHex,
                                           "dir:/tmp", "containers-storage:x", "https://hub.example/a",
                                           std::string("a\0b", 3), "a\nb"));

}  // namespace
}  // namespace blindbox::image
