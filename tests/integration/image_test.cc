// SPDX-License-Identifier: Apache-2.0
// Our images beside those of skopeo, buildah and umoci, over Debian's docker-registry on a loopback port.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "blindbox/image/unpack.h"
#include "image_registry.h"

namespace blindbox::image {
namespace {

using testing::Folder;
using testing::read;
using testing::tar;

class RealTest : public ::testing::Test {
 protected:
  RealTest() {
    ::setenv("HOME", folder_.path().c_str(), 1);
    ::setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1);
    access_.plain_http_on_loopback = true;
    access_.download_folder = folder_ / "downloads";
    memory_.add_layer(
        tar({{{.name = "bin/", .type = '5', .mode = 0755}, ""}, {{.name = "bin/app", .mode = 0755}, "one"}}));
    memory_.add_layer(tar({{{.name = "etc/conf"}, std::string(300000, 'c')}, {{.name = "bin/.wh.none"}, ""}}));
  }
  Result<Image> copy_to(Source& source, const Image& image, const std::string& reference) {
    auto target = open_target(parse_reference(reference).value(), access_);
    if (!target) return base::pass_on(target);
    return copy(source, **target, image);
  }
  Result<Image> copy_from_to(const std::string& from, const std::string& to) {
    auto source = open_source(parse_reference(from).value(), access_);
    if (!source) return base::pass_on(source);
    auto image = read_image(**source);
    if (!image) return image;
    return copy_to(**source, *image, to);
  }
  Result<Unpacked> unpack_from(const std::string& from, const std::string& folder) {
    auto source = open_source(parse_reference(from).value(), access_);
    if (!source) return base::pass_on(source);
    auto image = read_image(**source);
    if (!image) return base::pass_on(image);
    return unpack(**source, *image, folder);
  }
  // Of the image as skopeo sees it.
  std::string skopeo_digest(const std::string& reference) {
    const std::string out = folder_ / "digest";
    EXPECT_EQ(sh("skopeo inspect --raw --tls-verify=false " + reference + " > " + out), 0);
    return testing::digest_of(read(out)).text();
  }
  static void expect_same(const std::string& a, const std::string& b) {
    EXPECT_EQ(sh("diff -r --no-dereference " + a + " " + b), 0);
    const std::string list = "find . -printf '%P %y %m %U %G %l\\n' | sort";
    EXPECT_EQ(sh("a=$(cd " + a + " && " + list + "); b=$(cd " + b + " && " + list + "); [ \"$a\" = \"$b\" ]"), 0);
  }

  Folder folder_;
  Access access_;
  testing::MemorySource memory_;
};

TEST_F(RealTest, a_registry_takes_and_gives_what_skopeo_sees) {
  NEEDS("docker-registry");
  NEEDS("skopeo");
  const RealRegistry registry(folder_);
  ASSERT_TRUE(registry.runs());
  const Image image = memory_.image();
  const std::string name = "docker://" + registry.host() + "/some/app:1";
  const auto pushed = copy_to(memory_, image, name);
  ASSERT_TRUE(pushed) << pushed.error().what << pushed.error().detail;
  EXPECT_EQ(skopeo_digest(name), image.digest.text());
  ASSERT_EQ(sh("skopeo copy -q --src-tls-verify=false " + name + " oci:" + (folder_ / "theirs:1")), 0);
  const auto pulled = copy_from_to(name, "oci:" + (folder_ / "ours:1"));
  ASSERT_TRUE(pulled) << pulled.error().what << pulled.error().detail;
  EXPECT_EQ(pulled->digest, image.digest);
  EXPECT_EQ(sh("diff -r " + (folder_ / "theirs/blobs") + " " + (folder_ / "ours/blobs")), 0);
  // Again: everything is there.
  int moved = 0;
  auto target = open_target(parse_reference(name).value(), access_).value();
  ASSERT_TRUE(copy(memory_, *target, image,
                   [&](const Transfer& transfer) { moved += transfer.stage == Transfer::Stage::skipped ? 0 : 1; }));
  EXPECT_EQ(moved, 0);
  // By digest, and one that is not there.
  EXPECT_TRUE(
      copy_from_to("docker://" + registry.host() + "/some/app@" + image.digest.text(), "oci:" + (folder_ / "d")));
  EXPECT_EQ(copy_from_to("docker://" + registry.host() + "/some/app:2", "oci:" + (folder_ / "e")).error().kind,
            ErrorKind::network);
}

TEST_F(RealTest, what_skopeo_pushes_in_dockers_format_is_pulled_as_it_is) {
  NEEDS("docker-registry");
  NEEDS("skopeo");
  const RealRegistry registry(folder_);
  ASSERT_TRUE(registry.runs());
  ASSERT_TRUE(copy_to(memory_, memory_.image(), "oci:" + (folder_ / "layout:x")));
  const std::string name = "docker://" + registry.host() + "/app:1", again = "docker://" + registry.host() + "/app:2";
  ASSERT_EQ(sh("skopeo copy -q --format v2s2 --dest-tls-verify=false oci:" + (folder_ / "layout:x ") + name), 0);
  auto source = open_source(parse_reference(name).value(), access_).value();
  const auto image = read_image(*source);
  ASSERT_TRUE(image) << image.error().what;
  EXPECT_EQ(image->manifest.media_type, kDockerManifest);
  EXPECT_EQ(image->digest.text(), skopeo_digest(name));
  // From one registry to another name, unchanged; into a layout as OCI's.
  ASSERT_TRUE(copy_to(*source, *image, again));
  EXPECT_EQ(skopeo_digest(again), image->digest.text());
  const auto converted = copy_to(*source, *image, "oci:" + (folder_ / "converted:x"));
  ASSERT_TRUE(converted);
  EXPECT_EQ(converted->manifest.media_type, kOciManifest);
  EXPECT_EQ(sh("skopeo copy -q oci:" + (folder_ / "converted:x") + " oci:" + (folder_ / "check:x")), 0);
}

TEST_F(RealTest, archives_go_both_ways) {
  NEEDS("skopeo");
  const Image image = memory_.image();
  ASSERT_TRUE(copy_to(memory_, image, "docker-archive:" + (folder_ / "ours.tar:hub.example/app:1")));
  ASSERT_EQ(sh("skopeo copy -q docker-archive:" + (folder_ / "ours.tar") + " oci:" + (folder_ / "from-ours:x")), 0);
  ASSERT_EQ(sh("skopeo copy -q oci:" + (folder_ / "from-ours:x") +
               " docker-archive:" + (folder_ / "theirs.tar:hub.example/app:1")),
            0);
  const auto back =
      copy_from_to("docker-archive:" + (folder_ / "theirs.tar:hub.example/app:1"), "oci:" + (folder_ / "back:x"));
  ASSERT_TRUE(back) << back.error().what << back.error().detail;
  ASSERT_EQ(back->layers.size(), image.layers.size());
  for (std::size_t i = 0; i < image.layers.size(); ++i) EXPECT_EQ(back->layers[i].diff_id, image.layers[i].diff_id);
}

TEST_F(RealTest, unpacked_it_is_what_umoci_unpacks) {
  NEEDS("umoci");
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: umoci keeps owners";
  archive::TarEntry owned{.name = "etc/owned", .mode = 04711, .uid = 12, .gid = 34};
  memory_.add_layer(tar({{{.name = "etc/.wh.conf"}, ""},
                         {owned, "x"},
                         {{.name = "lib", .type = '2', .link = "/usr/lib"}, ""},
                         {{.name = "usr/lib/", .type = '5', .mode = 0711}, ""},
                         {{.name = "lib/so"}, "through"},
                         {{.name = "hard", .type = '1', .link = "bin/app"}, ""}}));
  memory_.add_layer(tar({{{.name = "bin/.wh..wh..opq"}, ""}, {{.name = "bin/new"}, "n"}, {{.name = "lib/more"}, "m"}}));
  const std::string at = "oci:" + (folder_ / "layout:x");
  ASSERT_TRUE(copy_to(memory_, memory_.image(), at));
  const auto done = unpack_from(at, folder_ / "ours");
  ASSERT_TRUE(done) << done.error().what << done.error().detail;
  ASSERT_EQ(sh("umoci raw unpack --image " + (folder_ / "layout:x ") + (folder_ / "theirs")), 0);
  expect_same(folder_ / "ours", folder_ / "theirs");
}

TEST_F(RealTest, buildahs_images_are_read) {
  NEEDS("buildah");
  NEEDS("umoci");
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: buildah without it wants user namespaces";
  const std::string options =
      " --root " + (folder_ / "root") + " --runroot " + (folder_ / "run") + " --storage-driver vfs ";
  testing::write(folder_ / "app", "#!/bin/sh\n");
  const std::string script = "set -e; b='buildah" + options + "'; c=$($b from scratch); $b copy -q $c " +
                             (folder_ / "app") +
                             " /srv/app >/dev/null; $b config --entrypoint '[\"/srv/app\"]' --env A=b --user 7 $c; " +
                             "$b commit -q --format docker $c oci:" + (folder_ / "built:x") + " >/dev/null";
  if (sh(script) != 0) GTEST_SKIP() << "buildah does not work here";
  auto source = open_source(parse_reference("oci:" + (folder_ / "built:x")).value(), access_).value();
  const auto image = read_image(*source);
  ASSERT_TRUE(image) << image.error().what << image.error().detail;
  EXPECT_EQ(image->config.entrypoint, std::vector<std::string>{"/srv/app"});
  EXPECT_EQ(image->config.user, "7");
  const auto done = unpack(*source, *image, folder_ / "ours");
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(read(folder_ / "ours/srv/app"), "#!/bin/sh\n");
  ASSERT_EQ(sh("umoci raw unpack --image " + (folder_ / "built:x ") + (folder_ / "theirs")), 0);
  expect_same(folder_ / "ours", folder_ / "theirs");
}

}  // namespace
}  // namespace blindbox::image
