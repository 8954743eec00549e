// SPDX-License-Identifier: Apache-2.0
// Layers that behave, and layers that try to write elsewhere. Whatever fails leaves nothing.
#include "blindbox/image/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "blindbox/image/testing.h"

namespace blindbox::image {
namespace {

namespace fs = std::filesystem;
using archive::TarEntry;
using ::testing::HasSubstr;
using testing::tar;
using ::testing::UnorderedElementsAre;

class UnpackTest : public ::testing::Test {
 protected:
  Result<Unpacked> unpack(const UnpackOptions& options = {}) {
    const Image made = source_.image();
    return image::unpack(source_, made, folder_ / "root", options);
  }
  void expect_refused(ErrorKind kind, const std::string& why, const UnpackOptions& options = {}) {
    const auto done = unpack(options);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, kind) << done.error().what;
    EXPECT_THAT(done.error().what, HasSubstr(why));
    EXPECT_THAT(folder_.list(), UnorderedElementsAre());
  }
  std::string in(const std::string& path) const { return testing::read(folder_ / ("root/" + path)); }
  bool there(const std::string& path) const { return fs::exists(fs::symlink_status(folder_ / ("root/" + path))); }

  testing::Folder folder_;
  testing::MemorySource source_;
};

TarEntry dir(const std::string& name, unsigned mode = 0755) { return {.name = name + "/", .type = '5', .mode = mode}; }
TarEntry file(const std::string& name, unsigned mode = 0644) { return {.name = name, .mode = mode}; }
TarEntry link_to(char type, const std::string& name, const std::string& to) {
  return {.name = name, .type = type, .link = to};
}

TEST_F(UnpackTest, files_folders_and_links_as_they_are) {
  source_.add_layer(tar({{dir("bin", 0750), ""},
                         {file("bin/app", 0755), "run"},
                         {link_to('2', "bin/sh", "app"), ""},
                         {link_to('2', "abs", "/bin/app"), ""},
                         {link_to('1', "bin/same", "bin/app"), ""},
                         {file("./deep/er/file"), "x"},
                         {{.name = "late", .modified = 12345}, "y"}}));
  const auto done = unpack();
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(done->files, 7U);
  EXPECT_EQ(in("bin/app"), "run");
  EXPECT_EQ(in("deep/er/file"), "x");
  EXPECT_EQ(fs::read_symlink(folder_ / "root/abs"), "/bin/app");
  EXPECT_EQ(fs::hard_link_count(folder_ / "root/bin/same"), 2U);
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "root/bin").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0750U);
  ASSERT_EQ(::stat((folder_ / "root/bin/app").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0755U);
  ASSERT_EQ(::stat((folder_ / "root/late").c_str(), &info), 0);
  EXPECT_EQ(info.st_mtim.tv_sec, 12345);
  EXPECT_THAT(folder_.list(), UnorderedElementsAre("root"));
}

TEST_F(UnpackTest, owners_and_setuid_bits_are_the_layers_for_root) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  TarEntry entry = file("su", 04755);
  entry.uid = 1234;
  entry.gid = 3000000;
  source_.add_layer(tar({{entry, "x"}}));
  ASSERT_TRUE(unpack());
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "root/su").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 1234U);
  EXPECT_EQ(info.st_gid, 3000000U);
  EXPECT_EQ(info.st_mode & 07777U, 04755U);
}

TEST_F(UnpackTest, whiteouts_hide_what_is_below_and_nothing_of_their_own_layer) {
  source_.add_layer(tar({{file("a/old"), "1"},
                         {file("a/kept"), "2"},
                         {file("b/one"), "3"},
                         {file("b/sub/two"), "4"},
                         {file("gone/x"), "5"}}));
  source_.add_layer(tar({{file("a/.wh.old"), ""},
                         {file("b/new"), "6"},
                         {file("b/.wh..wh..opq"), ""},
                         {file("fresh"), "7"},
                         {file(".wh.fresh"), ""},
                         {file(".wh.gone"), ""},
                         {file("nowhere/.wh.x"), ""}}));
  const auto done = unpack();
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_FALSE(there("a/old"));
  EXPECT_TRUE(there("a/kept"));
  EXPECT_THAT(folder_.list("root/b"), UnorderedElementsAre("new"));
  EXPECT_TRUE(there("fresh"));
  EXPECT_FALSE(there("gone"));
  EXPECT_FALSE(there("a/.wh.old"));
}

TEST_F(UnpackTest, later_layers_replace_files_by_folders_and_back) {
  source_.add_layer(tar({{file("x"), "1"}, {file("y/z"), "2"}, {dir("mode", 0700), ""}, {link_to('2', "l", "y"), ""}}));
  source_.add_layer(
      tar({{dir("x"), ""}, {file("x/in"), "3"}, {file("y"), "4"}, {file("mode/f"), "5"}, {file("l/through"), "6"}}));
  // "l" leads to "y", which is a file by now.
  expect_refused(ErrorKind::malformed, "leads through a file");
}

TEST_F(UnpackTest, a_link_of_a_lower_layer_is_followed_inside) {
  source_.add_layer(
      tar({{dir("usr/lib"), ""}, {link_to('2', "lib", "usr/lib"), ""}, {link_to('2', "etc", "/usr"), ""}}));
  source_.add_layer(tar({{file("lib/so"), "1"}, {file("etc/conf"), "2"}, {dir("usr", 0711), ""}}));
  const auto done = unpack();
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(in("usr/lib/so"), "1");
  EXPECT_EQ(in("usr/conf"), "2");
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "root/usr").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0711U);
}

TEST_F(UnpackTest, closed_folders_take_later_files) {
  source_.add_layer(tar({{dir("closed", 0500), ""}, {dir("void", 0), ""}}));
  source_.add_layer(tar({{file("closed/f"), "1"}, {file("void/.wh.nothing"), ""}}));
  ASSERT_TRUE(unpack());
  EXPECT_EQ(fs::status(folder_ / "root/closed").permissions(), fs::perms(0500));
  fs::permissions(folder_ / "root/closed", fs::perms::owner_all);
}

TEST_F(UnpackTest, names_do_not_lead_out) {
  source_.add_layer(tar({{file("../evil"), "x"}}));
  expect_refused(ErrorKind::malformed, "leads out of the image");
}

TEST_F(UnpackTest, nor_do_names_that_first_lead_in) {
  source_.add_layer(tar({{file("a/../../evil"), "x"}}));
  expect_refused(ErrorKind::malformed, "leads out of the image");
}

TEST_F(UnpackTest, absolute_names_are_names_inside) {
  source_.add_layer(tar({{file("/etc/passwd"), "x"}}));
  ASSERT_TRUE(unpack());
  EXPECT_EQ(in("etc/passwd"), "x");
}

TEST_F(UnpackTest, absolute_links_lead_inside) {
  testing::write(folder_ / "outside/victim", "safe");
  const std::string outside = folder_ / "outside";
  source_.add_layer(
      tar({{dir(outside.substr(1)), ""}, {link_to('2', "out", outside), ""}, {file("out/victim"), "evil"}}));
  ASSERT_TRUE(unpack());
  EXPECT_EQ(testing::read(folder_ / "outside/victim"), "safe");
  EXPECT_EQ(in(outside.substr(1) + "/victim"), "evil");
}

TEST_F(UnpackTest, links_that_climb_out_are_refused) {
  source_.add_layer(tar({{link_to('2', "a/out", "../../../../etc"), ""}, {file("a/out/evil"), "x"}}));
  expect_refused(ErrorKind::malformed, "a symbolic link that leads out");
}

TEST_F(UnpackTest, writing_onto_a_link_replaces_it) {
  testing::write(folder_ / "victim", "safe");
  source_.add_layer(tar({{link_to('2', "l", folder_ / "victim"), ""}}));
  source_.add_layer(tar({{file("l"), "evil"}}));
  ASSERT_TRUE(unpack());
  EXPECT_EQ(testing::read(folder_ / "victim"), "safe");
  EXPECT_EQ(in("l"), "evil");
}

TEST_F(UnpackTest, links_to_nowhere_are_no_way) {
  source_.add_layer(tar({{link_to('2', "l", "/not/there"), ""}, {file("l/f"), "x"}}));
  expect_refused(ErrorKind::malformed, "link to nowhere");
}

TEST_F(UnpackTest, links_in_circles_are_no_way) {
  source_.add_layer(tar({{link_to('2', "a", "b"), ""}, {link_to('2', "b", "a"), ""}, {file("a/f"), "x"}}));
  expect_refused(ErrorKind::malformed, "in circles");
}

TEST_F(UnpackTest, hard_links_out_are_refused) {
  source_.add_layer(tar({{link_to('1', "shadow", "../../../../../etc/shadow"), ""}}));
  expect_refused(ErrorKind::malformed, "a hard link that leads out");
}

TEST_F(UnpackTest, hard_links_through_links_stay_inside) {
  source_.add_layer(tar({{link_to('2', "e", "/etc"), ""}, {link_to('1', "shadow", "e/shadow"), ""}}));
  expect_refused(ErrorKind::malformed, "a hard link to what is not there");
}

TEST_F(UnpackTest, a_hard_link_to_a_link_is_that_link) {
  testing::write(folder_ / "victim", "safe");
  source_.add_layer(
      tar({{link_to('2', "s", folder_ / "victim"), ""}, {link_to('1', "h", "s"), ""}, {file("h"), "evil"}}));
  ASSERT_TRUE(unpack());
  EXPECT_EQ(testing::read(folder_ / "victim"), "safe");
}

TEST_F(UnpackTest, device_nodes_are_refused_or_skipped) {
  source_.add_layer(tar({{{.name = "dev/sda", .type = '4'}, ""}, {file("f"), "x"}}));
  UnpackOptions skip;
  skip.device_nodes = DeviceNodes::skip;
  expect_refused(ErrorKind::malformed, "device node");
  const auto done = unpack(skip);
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(done->skipped_devices, 1U);
  EXPECT_FALSE(there("dev/sda"));
}

TEST_F(UnpackTest, whiteouts_of_odd_names_are_refused) {
  source_.add_layer(tar({{file("a/x"), ""}, {file("a/.wh..."), ""}}));
  expect_refused(ErrorKind::malformed, "a whiteout of no file");
}

TEST_F(UnpackTest, bombs_meet_their_limits) {
  const std::string zeros(std::size_t{8} << 20, '\0');
  source_.add_layer(tar({{file("zeros"), zeros}}));
  UnpackOptions options;
  options.free_bytes = 1 << 20;
  options.max_ratio = 10;
  expect_refused(ErrorKind::limit, "decompressed", options);
  options = {};
  options.max_bytes = 1 << 20;
  expect_refused(ErrorKind::limit, "bytes", options);
  EXPECT_TRUE(unpack());
}

TEST_F(UnpackTest, so_do_many_files_and_deep_folders) {
  std::vector<std::pair<TarEntry, std::string>> entries;
  for (int i = 0; i < 100; ++i) entries.emplace_back(file("f" + std::to_string(i)), "");
  source_.add_layer(tar(entries));
  UnpackOptions options;
  options.max_files = 99;
  expect_refused(ErrorKind::limit, "more than 99 files", options);
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "d/";
  source_.add_layer(tar({{file(deep + "f"), ""}}));
  expect_refused(ErrorKind::limit, "folders in one another");
}

TEST_F(UnpackTest, depth_does_not_grow_through_links) {
  std::string deep;
  for (int i = 0; i < 150; ++i) deep += "d/";
  source_.add_layer(tar({{dir(deep), ""}, {link_to('2', "l", deep), ""}, {file("l/" + deep + "f"), ""}}));
  expect_refused(ErrorKind::limit, "folders in one another");
}

TEST_F(UnpackTest, lies_are_found_out) {
  const std::string good = tar({{file("f"), "good"}}), evil = tar({{file("f"), "evil"}});
  source_.add_layer(testing::gzip(good), good);
  const Digest digest = source_.image().layers[0].blob.digest;
  std::string same_size = testing::gzip(good);
  same_size[same_size.size() - 1] = static_cast<char>(same_size.back() ^ 1);
  source_.replace(digest, same_size);
  expect_refused(ErrorKind::malformed, "");
  source_.replace(digest, testing::gzip(good) + "x");
  expect_refused(ErrorKind::malformed, "not what the manifest says");
}

TEST_F(UnpackTest, another_diff_id_is_a_lie) {
  const std::string good = tar({{file("f"), "good"}}), evil = tar({{file("f"), "evil"}});
  source_.add_layer(testing::gzip(evil), good);
  expect_refused(ErrorKind::malformed, "not the one that the image's configuration names");
}

TEST_F(UnpackTest, truncated_archives_are_no_images) {
  const std::string whole = tar({{file("f"), std::string(5000, 'x')}});
  source_.add_layer(whole.substr(0, 2000), whole.substr(0, 2000));
  expect_refused(ErrorKind::malformed, "ends too early");
}

TEST_F(UnpackTest, what_is_there_is_not_touched) {
  source_.add_layer(tar({{file("f"), "x"}}));
  testing::write(folder_ / "root/mine", "1");
  const auto done = unpack();
  ASSERT_FALSE(done);
  EXPECT_THAT(folder_.list("root"), UnorderedElementsAre("mine"));
}

}  // namespace
}  // namespace blindbox::image
