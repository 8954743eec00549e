// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/model/hub.h"

namespace blindbox::model {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string path = ::testing::TempDir() + "blindbox-store-XXXXXX";
    folder_ = ::mkdtemp(path.data());
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }
  StoreTest(const StoreTest&) = delete;
  StoreTest& operator=(const StoreTest&) = delete;

  static Manifest manifest(const std::string& name) {
    Manifest out;
    out.name = name;
    out.sha256 = std::string(64, 'a');
    out.bytes = 5;
    out.architecture = "llama";
    out.sources = {{"config.json", 3, std::string(64, 'b')}};
    return out;
  }
  std::string folder_;
};

TEST_F(StoreTest, KeepsWhatWasPut) {
  const Store store(folder_ + "/models");
  EXPECT_TRUE(store.list().empty());
  EXPECT_EQ(store.find("one").error().kind, ErrorKind::model);
  ASSERT_TRUE(store.prepare("one", false));
  EXPECT_TRUE(store.list().empty());  // not before its manifest
  const std::string file = folder_ + "/models/one/new";
  ASSERT_TRUE(base::write_file(file, base::view("first")));
  ASSERT_TRUE(store.put(manifest("one"), file));
  EXPECT_FALSE(std::filesystem::exists(file));
  const auto found = store.find("one");
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->sha256, std::string(64, 'a'));
  EXPECT_EQ(found->sources.at(0).path, "config.json");
  EXPECT_EQ(store.prepare("one", false).error().kind, ErrorKind::usage);
  EXPECT_EQ(store.list().size(), 1U);
  // What is to be replaced stays until there is something in its place.
  ASSERT_TRUE(store.prepare("one", true));
  EXPECT_FALSE(store.put(manifest("one"), folder_ + "/absent"));
  EXPECT_EQ(store.list().size(), 1U);
  EXPECT_EQ(base::as_text(base::read_file(store.file_of("one"), 100).value()), "first");
}

TEST_F(StoreTest, NamesStayInTheFolder) {
  const Store store(folder_);
  for (const char* const bad : {"", ".", "..", "../x", "a/b", "-x", "_x", "a b", "ä"}) {
    EXPECT_FALSE(check_name(bad)) << bad;
    EXPECT_FALSE(store.find(bad)) << bad;
    EXPECT_FALSE(store.prepare(bad, true)) << bad;
  }
  EXPECT_TRUE(check_name("Qwen2.5-Coder_1"));
}

TEST_F(StoreTest, AManifestOfAnotherModelIsRefused) {
  const Store store(folder_);
  ASSERT_TRUE(store.prepare("one", false));
  ASSERT_TRUE(base::write_file(folder_ + "/one/manifest.json", base::view(write_manifest(manifest("two")))));
  EXPECT_EQ(store.find("one").error().kind, ErrorKind::malformed);
  EXPECT_FALSE(read_manifest(base::view(R"({"version":2})")));
  EXPECT_FALSE(read_manifest(base::view(R"({"version":1,"name":"x","bytes":1,"parameters":1,"sha256":"zz"})")));
}

TEST(HubReferences, NamesAndRevisions) {
  EXPECT_EQ(parse_hub_reference("owner/name")->revision, "main");
  EXPECT_EQ(parse_hub_reference("gpt2@refs/pr/1")->revision, "refs/pr/1");
  for (const char* const bad : {"", "a/b/c", "../b", "a/..", "a/b@", "a b/c", "a/b?x"}) {
    EXPECT_FALSE(parse_hub_reference(bad)) << bad;
  }
}

}  // namespace
}  // namespace blindbox::model
