// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "blindbox/image/image.h"

namespace blindbox::image {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kDigest = "sha256:" + std::string(64, 'b');

Json descriptor(std::string_view type) { return {{"mediaType", type}, {"digest", kDigest}, {"size", 7}}; }

Json manifest() {
  return {{"schemaVersion", 2},
          {"mediaType", kOciManifest},
          {"config", descriptor(kOciConfig)},
          {"layers", {descriptor(std::string(kOciLayer) + "+gzip")}}};
}

Result<Document> parse(const Json& json) { return parse_document(base::view(json.dump())); }

void expect_bad(const Json& json, ErrorKind kind, const std::string& why) {
  const auto parsed = parse(json);
  ASSERT_FALSE(parsed) << json;
  EXPECT_EQ(parsed.error().kind, kind) << parsed.error().what;
  EXPECT_THAT(parsed.error().what, HasSubstr(why));
}

TEST(Manifest, of_oci_and_docker) {
  auto parsed = parse(manifest());
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(parsed->manifest->layers.size(), 1U);
  Json docker = manifest();
  docker["mediaType"] = kDockerManifest;
  docker["config"] = descriptor(kDockerConfig);
  docker["layers"] = {descriptor(std::string(kDockerLayer) + ".gzip"), descriptor(std::string(kOciLayer) + "+zstd")};
  parsed = parse(docker);
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(parsed->manifest->media_type, kDockerManifest);
  Json silent = manifest();
  silent.erase("mediaType");
  EXPECT_EQ(parse(silent)->manifest->media_type, kOciManifest);
}

TEST(Manifest, writes_what_it_read) {
  const auto parsed = parse(manifest()).value();
  EXPECT_EQ(write_manifest(*parsed.manifest), manifest().dump());
}

TEST(Manifest, refuses_what_two_readers_would_read_in_two_ways) {
  Json both = manifest();
  both["manifests"] = Json::array();
  expect_bad(both, ErrorKind::malformed, "both a manifest and an index");
  Json contradicts = manifest();
  contradicts["mediaType"] = kOciIndex;
  expect_bad(contradicts, ErrorKind::malformed, "media type");
  const std::string twice = R"({"schemaVersion":2,"layers":[],"layers":[]})";
  EXPECT_THAT(parse_document(base::view(twice)).error().what, HasSubstr("key twice"));
}

TEST(Manifest, refuses_what_is_no_image) {
  Json json = manifest();
  json["schemaVersion"] = 1;
  expect_bad(json, ErrorKind::malformed, "schema version 2");
  json = manifest();
  json.erase("config");
  expect_bad(json, ErrorKind::malformed, "names no configuration");
  json = manifest();
  json.erase("layers");
  expect_bad(json, ErrorKind::malformed, "no layers");
  json = manifest();
  json["config"] = descriptor("application/vnd.cncf.helm.config.v1+json");
  expect_bad(json, ErrorKind::malformed, "helm");
  json = manifest();
  json["layers"] = {descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")};
  expect_bad(json, ErrorKind::malformed, "may not be distributed");
  json["layers"] = {descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")};
  expect_bad(json, ErrorKind::malformed, "may not be distributed");
  json["layers"] = {descriptor("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")};
  expect_bad(json, ErrorKind::malformed, "encrypted");
  json["layers"] = {descriptor("text/plain")};
  expect_bad(json, ErrorKind::malformed, "text/plain");
  expect_bad(Json{{"schemaVersion", 2}}, ErrorKind::malformed, "neither layers nor manifests");
  EXPECT_FALSE(parse_document(base::view("[]")));
  EXPECT_FALSE(parse_document(base::view("")));
}

TEST(Manifest, refuses_numbers_and_digests_that_are_none) {
  for (const Json& size : {Json(-1), Json(1.5), Json("7"), Json(nullptr), Json(0xffffffffffffffffU)}) {
    Json json = manifest();
    json["layers"][0]["size"] = size;
    expect_bad(json, ErrorKind::malformed, "no size");
  }
  for (const char* digest : {"sha256:../../../../etc/passwd", "sha256:BB", "", "md5:00"}) {
    Json json = manifest();
    json["layers"][0]["digest"] = digest;
    expect_bad(json, ErrorKind::malformed, "not a digest");
  }
}

TEST(Manifest, has_at_most_so_many_layers) {
  Json json = manifest();
  json["layers"] = Json::array();
  for (std::size_t i = 0; i < kMostLayers; ++i) json["layers"].push_back(descriptor(kOciLayer));
  EXPECT_TRUE(parse(json));
  json["layers"].push_back(descriptor(kOciLayer));
  expect_bad(json, ErrorKind::limit, "513 layers");
  // A million of them do not even fit.
  std::string million = R"({"schemaVersion":2,"layers":[)";
  const std::string one = descriptor(kOciLayer).dump();
  while (million.size() < kManifestCap) million += one + ",";
  EXPECT_EQ(parse_document(base::view(million + one + "]}")).error().kind, ErrorKind::limit);
  EXPECT_EQ(parse_document(base::view(std::string(100, '[') + std::string(100, ']'))).error().kind,
            ErrorKind::malformed);
}

TEST(Index, names_platforms) {
  Json one = descriptor(kOciManifest);
  one["platform"] = {{"os", "linux"}, {"architecture", "arm64"}, {"variant", "v8"}};
  const auto parsed = parse({{"schemaVersion", 2}, {"mediaType", kDockerList}, {"manifests", {one}}}).value();
  EXPECT_EQ(parsed.index->manifests[0].platform->text(), "linux/arm64/v8");
}

TEST(Platform, is_two_or_three_words) {
  EXPECT_EQ(parse_platform("linux/arm/v7")->variant, "v7");
  for (const char* text : {"", "linux", "linux/", "/amd64", "linux/arm/v7/x", "Linux/amd64", "linux//v7"}) {
    EXPECT_FALSE(parse_platform(text)) << text;
  }
}

Json config() {
  return {{"os", "linux"},
          {"architecture", "amd64"},
          {"config",
           {{"Entrypoint", {"/bin/sh"}},
            {"Cmd", nullptr},
            {"Env", {"A=1"}},
            {"User", "app"},
            {"WorkingDir", "/srv"},
            {"ExposedPorts", {{"80/tcp", Json::object()}}},
            {"Labels", {{"a", "b"}}}}},
          {"rootfs", {{"type", "layers"}, {"diff_ids", {kDigest}}}}};
}

TEST(Config, says_how_to_start) {
  const auto parsed = parse_config(base::view(config().dump()));
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(parsed->entrypoint, std::vector<std::string>{"/bin/sh"});
  EXPECT_TRUE(parsed->cmd.empty());
  EXPECT_EQ(parsed->exposed_ports, std::vector<std::string>{"80/tcp"});
  EXPECT_EQ(parsed->user, "app");
}

TEST(Config, refuses_other_types) {
  const auto refused = [](const Json& json) { return !parse_config(base::view(json.dump())); };
  Json json = config();
  json["config"]["Cmd"] = "sh";
  EXPECT_TRUE(refused(json));
  json = config();
  json["config"]["Env"] = {1};
  EXPECT_TRUE(refused(json));
  json = config();
  json["config"]["Entrypoint"] = {std::string("a\0b", 3)};
  EXPECT_TRUE(refused(json));
  json = config();
  json["rootfs"]["diff_ids"] = {"x"};
  EXPECT_TRUE(refused(json));
  json = config();
  json.erase("rootfs");
  EXPECT_TRUE(refused(json));
  json = config();
  json.erase("os");
  EXPECT_TRUE(refused(json));
}

TEST(Image, is_put_together_from_what_belongs_together) {
  const std::string text = config().dump();
  Json json = manifest();
  json["config"]["digest"] = Digest::of(base::view(text)).text();
  json["config"]["size"] = text.size();
  auto image = make_image(json.dump(), text);
  ASSERT_TRUE(image) << image.error().what;
  EXPECT_EQ(to_oci(*image)->digest, image->digest);
  const auto lying = make_image(json.dump(), text + " ");
  EXPECT_EQ(lying.error().kind, ErrorKind::malformed);
  json["layers"].push_back(descriptor(kOciLayer));
  EXPECT_THAT(make_image(json.dump(), text).error().what, HasSubstr("2 layers, its configuration 1"));
}

TEST(Image, of_docker_becomes_one_of_oci) {
  const std::string text = config().dump();
  Json json = manifest();
  json["mediaType"] = kDockerManifest;
  json["config"] = descriptor(kDockerConfig);
  json["config"]["digest"] = Digest::of(base::view(text)).text();
  json["config"]["size"] = text.size();
  json["layers"] = {descriptor(std::string(kDockerLayer) + ".gzip")};
  const auto image = make_image(json.dump(), text).value();
  const auto converted = to_oci(image).value();
  EXPECT_EQ(converted.manifest.media_type, kOciManifest);
  EXPECT_EQ(converted.layers[0].blob.media_type, std::string(kOciLayer) + "+gzip");
  EXPECT_EQ(converted.layers[0].blob.digest, image.layers[0].blob.digest);
  EXPECT_EQ(converted.manifest.config.digest, image.manifest.config.digest);
}

}  // namespace
}  // namespace blindbox::image
