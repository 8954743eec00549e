// SPDX-License-Identifier: Apache-2.0
// Layouts, archives and the store: what goes in comes out, and what is damaged says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <thread>

#include "blindbox/image/store.h"
#include "blindbox/image/testing.h"

namespace blindbox::image {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::tar;
using ::testing::UnorderedElementsAre;
using Json = nlohmann::json;

class LocalTest : public ::testing::Test {
 protected:
  LocalTest() {
    source_.add_layer(tar({{{.name = "one"}, "1"}}));
    source_.add_layer(tar({{{.name = "two"}, "22"}}));
  }
  Result<Image> copy_to(const std::string& reference) {
    const Reference parsed = parse_reference(reference).value();
    auto target = open_target(parsed, {});
    if (!target) return base::pass_on(target);
    return copy(source_, **target, source_.image());
  }
  static Result<Image> read_from(const std::string& reference, const std::optional<Platform>& wanted = std::nullopt) {
    auto source = open_source(parse_reference(reference).value(), {});
    if (!source) return base::pass_on(source);
    return read_image(**source, wanted);
  }
  static void expect_bad(const std::string& reference, const std::string& why) {
    const auto image = read_from(reference);
    ASSERT_FALSE(image);
    EXPECT_THAT(image.error().what + "; " + image.error().detail, HasSubstr(why));
  }
  // All of an image through memory, every digest checked.
  static void expect_whole(const std::string& reference, const Digest& digest) {
    auto source = open_source(parse_reference(reference).value(), {}).value();
    const auto image = read_image(*source);
    ASSERT_TRUE(image) << image.error().what << image.error().detail;
    EXPECT_EQ(image->digest, digest);
    const testing::Folder other;
    auto target = open_target(parse_reference("oci:" + (other / "copy")).value(), {}).value();
    const auto copied = copy(*source, *target, *image);
    ASSERT_TRUE(copied) << copied.error().what << copied.error().detail;
  }

  testing::Folder folder_;
  testing::MemorySource source_;
};

TEST_F(LocalTest, a_layout_holds_several_images_by_name) {
  const std::string at = "oci:" + (folder_ / "layout");
  const auto first = copy_to(at + ":one");
  ASSERT_TRUE(first) << first.error().what;
  source_.add_layer(tar({{{.name = "three"}, "3"}}));
  const auto second = copy_to(at + ":two");
  ASSERT_TRUE(second);
  expect_whole(at + ":one", first->digest);
  expect_whole(at + ":two", second->digest);
  expect_bad(at, "several images");
  expect_bad(at + ":three", "there are: one, two");
  const auto replaced = copy_to(at + ":one");
  ASSERT_TRUE(replaced);
  expect_whole(at + ":one", second->digest);
  expect_whole(at, second->digest);  // one image by two names
  expect_bad(at + ":three", "there are: two, one");
  EXPECT_EQ(Json::parse(testing::read(folder_ / "layout/index.json"))["manifests"].size(), 2U);
  EXPECT_THAT(folder_.list("layout/blobs/sha256"), Each(Not(StartsWith("."))));
}

TEST_F(LocalTest, a_layout_without_names_may_be_an_images_index) {
  const std::string at = "oci:" + (folder_ / "layout"), index = folder_ / "layout/index.json";
  const auto ours = copy_to(at);
  ASSERT_TRUE(ours);
  auto json = Json::parse(testing::read(index));
  json["manifests"][0]["platform"] = {{"os", "linux"}, {"architecture", "amd64"}};
  auto other = json["manifests"][0];
  other["platform"]["architecture"] = "arm64";
  other["digest"] = "sha256:" + std::string(64, '1');
  json["manifests"].insert(json["manifests"].begin(), other);
  testing::write(index, json.dump());
  expect_whole(at, ours->digest);
  json["manifests"][0].erase("platform");
  testing::write(index, json.dump());
  expect_bad(at, "several images");
}

TEST_F(LocalTest, what_a_layout_has_is_skipped) {
  const Reference to = parse_reference("oci:" + (folder_ / "layout")).value();
  ASSERT_TRUE(copy_to(to.text()));
  auto target = open_target(to, {}).value();
  int skipped = 0, moved = 0;
  ASSERT_TRUE(copy(source_, *target, source_.image(), [&](const Transfer& transfer) {
    ++(transfer.stage == Transfer::Stage::skipped ? skipped : moved);
  }));
  EXPECT_EQ(skipped, 2);
  EXPECT_EQ(moved, 0);
}

TEST_F(LocalTest, two_who_write_at_a_time_lose_nothing) {
  const std::string at = "oci:" + (folder_ / "layout");
  std::vector<std::thread> writers;
  ASSERT_TRUE(copy_to(at + ":first"));
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([at, i] {
      testing::MemorySource source;
      source.add_layer(tar({{{.name = "f"}, std::to_string(i)}}));
      auto target = open_target(parse_reference(at + ":n" + std::to_string(i)).value(), {}).value();
      EXPECT_TRUE(copy(source, *target, source.image()));
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(read_from(at + ":n" + std::to_string(i)));
}

TEST_F(LocalTest, other_folders_are_not_written_into) {
  testing::write(folder_ / "home/file", "mine");
  const auto done = copy_to("oci:" + (folder_ / "home"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::usage);
  EXPECT_THAT(folder_.list("home"), UnorderedElementsAre("file"));
}

TEST_F(LocalTest, a_lying_blob_does_not_arrive) {
  const Image image = source_.image();
  std::string same_size = std::string(image.layers[1].blob.size, 'x');
  source_.replace(image.layers[1].blob.digest, same_size);
  const auto done = copy_to("oci:" + (folder_ / "layout:x"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::malformed);
  EXPECT_THAT(folder_.list("layout/blobs/sha256"),
              UnorderedElementsAre(std::string(image.layers[0].blob.digest.hex())));
  EXPECT_FALSE(fs::exists(folder_ / "layout/index.json"));
  EXPECT_FALSE(copy_to("docker-archive:" + (folder_ / "a.tar")));
  EXPECT_THAT(folder_.list(), UnorderedElementsAre("layout"));
}

TEST_F(LocalTest, damaged_layouts_say_so) {
  const std::string layout = folder_ / "layout", at = "oci:" + layout;
  const Image stored = copy_to(at).value();
  const std::string manifest = layout + "/blobs/sha256/" + std::string(stored.digest.hex());
  const std::string good = testing::read(manifest), index = testing::read(layout + "/index.json");
  testing::write(manifest, good + " ");
  expect_bad(at, "digest");
  testing::write(manifest, good);
  testing::write(layout + "/index.json", "{");
  expect_bad(at, "not JSON");
  testing::write(layout + "/index.json", good);
  expect_bad(at, "is no index");
  testing::write(layout + "/index.json", index);
  fs::remove(manifest);
  ASSERT_EQ(::mkfifo(manifest.c_str(), 0600), 0);
  expect_bad(at, "no regular file");
  testing::write(layout + "/oci-layout", R"({"imageLayoutVersion":"2.0"})");
  expect_bad(at, "version");
  fs::remove(layout + "/oci-layout");
  expect_bad(at, "no OCI layout");
}

TEST_F(LocalTest, an_index_offers_platforms) {
  const std::string layout = folder_ / "layout", at = "oci:" + layout;
  const Image stored = copy_to(at).value();
  Json index = Json::parse(testing::read(layout + "/index.json"));
  Json arm = index["manifests"][0];
  arm["platform"] = {{"os", "linux"}, {"architecture", "arm64"}};
  arm["digest"] = "sha256:" + std::string(64, '0');
  Json statement = arm;
  statement["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
  index["manifests"] = {statement, arm, index["manifests"][0]};
  index.erase("annotations");
  const std::string inner = index.dump();
  testing::write(layout + "/blobs/sha256/" + std::string(testing::digest_of(inner).hex()), inner);
  const Json outer{
      {"schemaVersion", 2},
      {"manifests",
       {{{"mediaType", kOciIndex}, {"digest", testing::digest_of(inner).text()}, {"size", inner.size()}}}}};
  testing::write(layout + "/index.json", outer.dump());
  const auto image = read_from(at);
  ASSERT_TRUE(image) << image.error().what;
  EXPECT_EQ(image->digest, stored.digest);
  EXPECT_EQ(image->offered.size(), 2U);
  const auto missing = read_from(at, parse_platform("linux/s390x").value());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().detail, HasSubstr("linux/arm64, linux/amd64"));
}

TEST_F(LocalTest, an_index_of_itself_ends) {
  const std::string layout = folder_ / "layout", at = "oci:" + layout;
  ASSERT_TRUE(copy_to(at));
  std::string inner = R"({"schemaVersion":2,"manifests":[]})";
  for (int depth = 0; depth < 6; ++depth) {
    testing::write(layout + "/blobs/sha256/" + std::string(testing::digest_of(inner).hex()), inner);
    inner = Json{{"schemaVersion", 2},
                 {"manifests",
                  {{{"mediaType", kOciIndex}, {"digest", testing::digest_of(inner).text()}, {"size", inner.size()}}}}}
                .dump();
  }
  testing::write(layout + "/index.json", inner);
  expect_bad(at, "and so on");
}

TEST_F(LocalTest, an_archive_comes_back_and_is_the_same_twice) {
  const std::string at = "docker-archive:" + (folder_ / "a.tar") + ":hub.example/app:1";
  const auto stored = copy_to(at);
  ASSERT_TRUE(stored) << stored.error().what;
  expect_whole(at, stored->digest);
  expect_whole("docker-archive:" + (folder_ / "a.tar"), stored->digest);
  expect_bad("docker-archive:" + (folder_ / "a.tar") + ":other:1", "there is no image");
  const std::string once = testing::read(folder_ / "a.tar");
  ASSERT_TRUE(copy_to(at));
  EXPECT_EQ(testing::read(folder_ / "a.tar"), once);
  testing::write(folder_ / "a.tar.gz", testing::gzip(once));
  expect_whole("docker-archive:" + (folder_ / "a.tar.gz"), stored->digest);
  testing::write(folder_ / "cut.tar", once.substr(0, once.size() / 2));
  EXPECT_FALSE(read_from("docker-archive:" + (folder_ / "cut.tar")));
}

// As docker saved before version 25.
class SavedTest : public LocalTest {
 protected:
  SavedTest() {
    layer_ = tar({{{.name = "f"}, "1"}});
    config_ = {{"os", "linux"},
               {"architecture", "amd64"},
               {"rootfs", {{"type", "layers"}, {"diff_ids", {testing::digest_of(layer_).text()}}}}};
    manifest_ = {{{"Config", "c.json"}, {"RepoTags", {"app:1"}}, {"Layers", {"id/layer.tar"}}}};
    entries_ = {{{.name = "id/layer.tar"}, layer_}};
  }
  std::string save() {
    auto entries = entries_;
    entries.insert(entries.begin(), {{.name = "c.json"}, config_.dump()});
    entries.push_back({{.name = "manifest.json"}, manifest_.dump()});
    testing::write(folder_ / "saved.tar", tar(entries));
    return "docker-archive:" + (folder_ / "saved.tar");
  }

  std::string layer_;
  Json config_, manifest_;
  std::vector<std::pair<archive::TarEntry, std::string>> entries_;
};

TEST_F(SavedTest, becomes_an_image) {
  const std::string at = save();
  const auto image = read_from(at);
  ASSERT_TRUE(image) << image.error().what;
  EXPECT_EQ(image->manifest.media_type, kOciManifest);
  expect_whole(at, image->digest);
  expect_whole(at + ":app:1", image->digest);
  expect_bad(at + ":app:2", "there are: app:1");
}

TEST_F(SavedTest, links_and_compressed_layers_do) {
  const std::string packed = testing::gzip(layer_);
  entries_ = {{{.name = "real.tar"}, packed}, {{.name = "id/layer.tar", .type = '2', .link = "../real.tar"}, ""}};
  const auto image = read_from(save());
  ASSERT_TRUE(image) << image.error().what;
  EXPECT_EQ(image->layers[0].compression, Compression::gzip);
  EXPECT_EQ(image->layers[0].blob.digest, testing::digest_of(packed));
}

TEST_F(SavedTest, hostile_ones_say_what_is_wrong) {
  entries_ = {{{.name = "id/layer.tar", .type = '2', .link = "../../../../../../etc/passwd"}, ""}};
  expect_bad(save(), "there is no");
  entries_ = {{{.name = "id/layer.tar", .type = '2', .link = "layer.tar"}, ""}};
  expect_bad(save(), "too many links");
  entries_ = {{{.name = "id/layer.tar"}, tar({{{.name = "f"}, "2"}})}};
  expect_bad(save(), "not the one that its image's configuration names");
  entries_ = {{{.name = "manifest.json"}, "[]"}, {{.name = "id/layer.tar"}, layer_}};
  expect_bad(save(), "twice");
  entries_ = {{{.name = "id/layer.tar"}, layer_}};
  manifest_[0]["Layers"] = {"id/layer.tar", "id/layer.tar"};
  expect_bad(save(), "has 2 layers, its configuration 1");
  manifest_ = Json::array();
  expect_bad(save(), "not exactly one image");
  manifest_ = Json::object();
  expect_bad(save(), "no list");
  testing::write(folder_ / "saved.tar", std::string(10000, 'x'));
  expect_bad("docker-archive:" + (folder_ / "saved.tar"), "no archive of images");
}

TEST(Store, is_a_layout_of_full_names) {
  const testing::Folder folder;
  ASSERT_EQ(::setenv("BLINDBOX_STORE", (folder / "store").c_str(), 1), 0);
  const auto at = in_store(parse_reference("app:1").value());
  ASSERT_TRUE(at);
  EXPECT_EQ(at->path, folder / "store");
  EXPECT_EQ(at->name, default_registry() + "/library/app:1");
  testing::MemorySource source;
  source.add_layer(tar({{{.name = "f"}, "1"}}));
  auto target = open_target(*at, {}).value();
  const auto stored = copy(source, *target, source.image());
  ASSERT_TRUE(stored);
  auto again = open_source(*at, {}).value();
  EXPECT_EQ(read_image(*again)->digest, stored->digest);
  EXPECT_FALSE(in_store(parse_reference("oci:x").value()));
  ASSERT_EQ(::unsetenv("BLINDBOX_STORE"), 0);
}

TEST(Overlay, adds_blobs) {
  testing::MemorySource below;
  below.add_layer(tar({{{.name = "f"}, "1"}}));
  const Image image = below.image();
  Overlay both(below);
  const std::string added = tar({{{.name = "g"}, "2"}});
  both.add(testing::digest_of(added), blob_of(base::view(added)).value());
  const Descriptor top{std::string(kOciLayer), testing::digest_of(added), added.size()};
  EXPECT_EQ(both.blob(top, {})->size, added.size());
  EXPECT_EQ(both.blob(image.layers[0].blob, {})->size, image.layers[0].blob.size);
}

}  // namespace
}  // namespace blindbox::image
