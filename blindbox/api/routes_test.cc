// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/routes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "blindbox/base/file.h"

namespace blindbox::api {
namespace {

using nlohmann::json;

json document() {
  const auto bytes = base::read_file(BLINDBOX_SOURCE_DIR "/docs/openapi.json", std::size_t{1} << 20);
  EXPECT_TRUE(bytes);
  return bytes ? json::parse(base::as_text(*bytes), nullptr, false) : json();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string described_path(const Route& route) {
  const std::string path(route.path);
  if (route.match == Route::Match::below) return "/{base}" + path;
  return route.match == Route::Match::beginning ? path + "{model}" : path;
}

TEST(Routes, AreThoseOfTheDocument) {
  std::set<std::string> there;
  for (const Route& route : routes()) {
    const std::string path = described_path(route);
    EXPECT_TRUE(there.insert(lower(route.method) + " " + path).second) << "twice: " << path;
  }
  std::set<std::string> described;
  const json document_paths = document()["paths"];
  for (const auto& [path, methods] : document_paths.items()) {
    for (const auto& [method, operation] : methods.items()) {
      EXPECT_TRUE(operation.contains("responses")) << path;
      described.insert(method + " " + path);
    }
  }
  EXPECT_EQ(there, described);
}

// Open routes are those that the document frees of a key.
TEST(Routes, TheDocumentSaysWhichNeedNoKey) {
  const json paths = document()["paths"];
  for (const Route& route : routes()) {
    const std::string path = described_path(route);
    const json& operation = paths.at(path).at(lower(route.method));
    EXPECT_EQ(operation.contains("security") && operation["security"].empty(), route.open) << path;
  }
}

TEST(Routes, EachHasOneWayToAnswer) {
  for (const Route& route : routes()) EXPECT_NE(route.parse == nullptr, route.page == nullptr) << route.path;
}

TEST(Routes, AreFound) {
  EXPECT_EQ(find_route("POST", "/infill?a=b").route->path, "/infill");
  EXPECT_EQ(find_route("POST", "/some/base/fim/completions").route->path, "/fim/completions");
  EXPECT_EQ(find_route("GET", "/v1/models/a/b").route->path, "/v1/models/");
  EXPECT_EQ(find_route("HEAD", "/health").route->path, "/health");
  EXPECT_EQ(find_route("GET", "//v1/models/").route->path, "/v1/models");
  EXPECT_EQ(find_route("POST", "/infill/?a=b").route->path, "/infill");
  EXPECT_EQ(find_route("GET", "/").route->path, "/");
  EXPECT_EQ(find_route("GET", "//").route->path, "/");
  EXPECT_EQ(find_route("GET", "/a/models").route->match, Route::Match::below);
  EXPECT_EQ(find_route("GET", "/a/infill").route, nullptr);
  EXPECT_EQ(find_route("POST", "/xcompletions").route, nullptr);
  EXPECT_EQ(find_route("GET", "/infill").allowed, "POST");
  EXPECT_EQ(find_route("GET", "/v1/chat/completions").allowed, "POST");
  EXPECT_EQ(find_route("PUT", "/v1/models").allowed, "GET");
  EXPECT_EQ(shape_of("/api/unknown"), Shape::ollama);
  EXPECT_EQ(not_offered("/v1/embeddings/?a")->what, "embeddings are not made here");
  EXPECT_EQ(not_offered("/nothing"), std::nullopt);
}

}  // namespace
}  // namespace blindbox::api
