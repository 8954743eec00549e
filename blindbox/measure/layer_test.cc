// SPDX-License-Identifier: Apache-2.0
// Rules of layers that need no archive of their own; tests/vectors has those.
#include "blindbox/measure/layer.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "blindbox/base/file.h"
#include "blindbox/measure/initdata.h"
#include "blindbox/measure/internal/ext4_tree.h"
#include "blindbox/measure/internal/verity.h"

namespace blindbox::measure {
namespace {

using namespace internal;

Result<LayerMeasurement> measured(ByteView bytes, const LayerOptions& options = {}) {
  base::Fd file(::memfd_create("layer", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ::lseek(file.get(), 0, SEEK_SET);
  return measure_layer(std::move(file), "layer", options);
}

Bytes made(const std::string& name) {
  auto bytes = base::read_file(std::string(BLINDBOX_SOURCE_DIR) + "/tests/vectors/layers/" + name, 1 << 20);
  EXPECT_TRUE(bytes);
  return bytes.value_or(Bytes{});
}

Bytes zstd(ByteView bytes) {
  Bytes out(::ZSTD_compressBound(bytes.size()));
  out.resize(::ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

TEST(Layer, ZstandardIsTheSameLayer) {
  const Bytes plain = made("links.tar");
  const auto expected = measured(plain);
  ASSERT_TRUE(expected);
  Bytes compressed = zstd(plain);
  const auto same = measured(compressed);
  ASSERT_TRUE(same) << same.error().what;
  EXPECT_EQ(same->root_hash, expected->root_hash);
  // Two frames are one stream.
  Bytes frames = zstd(ByteView(plain).first(1000));
  const Bytes rest = zstd(ByteView(plain).subspan(1000));
  frames.insert(frames.end(), rest.begin(), rest.end());
  const auto joined = measured(frames);
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->root_hash, expected->root_hash);
  compressed.pop_back();
  const auto cut = measured(compressed);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::malformed);
}

// As a layer stands in an archive of images: neither what is before nor what is behind it is read.
TEST(Layer, APartOfALargerFile) {
  const Bytes plain = made("links.tar");
  const auto expected = measured(plain);
  ASSERT_TRUE(expected);
  std::size_t end = plain.size();
  while (base::all_zero(ByteView(plain).subspan(end - 512, 512))) end -= 512;
  const Bytes other = made("times.tar");
  for (const Bytes& layer : {Bytes(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(end)), zstd(plain)}) {
    Bytes whole = other;
    whole.insert(whole.end(), layer.begin(), layer.end());
    whole.insert(whole.end(), other.begin(), other.end());
    base::Fd file(::memfd_create("archive", MFD_CLOEXEC));
    ASSERT_EQ(::write(file.get(), whole.data(), whole.size()), static_cast<ssize_t>(whole.size()));
    ::lseek(file.get(), static_cast<off_t>(other.size()), SEEK_SET);
    const auto part = measure_layer(std::move(file), "part", {}, layer.size());
    ASSERT_TRUE(part) << part.error().what;
    EXPECT_EQ(part->root_hash, expected->root_hash);
  }
}

TEST(Layer, ABombMeetsTheLimit) {
  const Bytes zeros(std::size_t{32} << 20);
  LayerOptions options;
  options.max_size = std::uint64_t{4} << 20;
  const Bytes bomb = zstd(zeros);
  ASSERT_LT(bomb.size(), 8192U);
  const auto refused = measured(bomb, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::limit);
}

TEST(Layer, TheSizeIsALimitAndNoMore) {
  const Bytes plain = made("links.tar");
  LayerOptions options;
  options.max_size = 73728;
  EXPECT_TRUE(measured(plain, options));
  options.max_size = 73727;
  const auto refused = measured(plain, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::limit);
}

FileInfo file(std::uint16_t mode) {
  FileInfo info;
  info.mode = mode;
  return info;
}

TEST(Tree, ALinkTooManyIsRefused) {
  Tree tree(kMaxImageSize);
  ASSERT_TRUE(tree.create("f", file(kRegular | 0644)));
  for (std::uint32_t i = 1; i < kMaxLinks; ++i) ASSERT_TRUE(tree.link("f", "l" + std::to_string(i)));
  const auto refused = tree.link("f", "last");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("maximum link count"), std::string::npos);
}

TEST(Tree, AsDeepAsANameCanBe) {
  Tree tree(kMaxImageSize);
  std::string name;
  for (int i = 0; i < 100000; ++i) name += "d/";
  EXPECT_TRUE(tree.make_parents(name + "f"));
  EXPECT_EQ(tree.inode_count(), 100011U);
}

TEST(Tree, MessagesShowNoControlCharacters) {
  Tree tree(kMaxImageSize);
  const auto refused = tree.link("a\n\x1b[31mb", "l");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "a\\x0a\\x1b[31mb: file not found");
}

TEST(Times, BeforeTheEpochDoNotReadBack) {
  EXPECT_EQ(to_ext4_time(Time{}), 0U);
  EXPECT_EQ(to_ext4_time(Time::of(-1)), 0xffffffffffffffffU);
  EXPECT_EQ(to_ext4_time(from_ext4_time(to_ext4_time(Time::of(-1)))), 0x37fffffffU);
  EXPECT_EQ(to_ext4_time(Time::of(-0x80000001LL)), 0x80000000U);
  EXPECT_EQ(archive::parse_pax_time("-0.5")->nanoseconds, 500000000U);
  EXPECT_FALSE(archive::parse_pax_time(".5"));
}

// A device of one block, of a full block of hashes, and of one more; against the definition.
TEST(Verity, LevelsAreFilledToWholeBlocks) {
  const auto hash = [](ByteView block) {
    Bytes salted(32);
    salted.insert(salted.end(), block.begin(), block.end());
    return base::sha256(salted);
  };
  for (const std::size_t blocks : {1U, 2U, 127U, 128U, 129U, 256U, 300U}) {
    Bytes device(blocks * kBlock);
    for (std::size_t i = 0; i < blocks; ++i) device[i * kBlock] = static_cast<std::byte>(i % 3);
    VerityTree tree;
    tree.update(device);
    Bytes level = device;
    do {
      Bytes above;
      for (std::size_t at = 0; at < level.size(); at += kBlock) {
        const base::Sha256 digest = hash(ByteView(level).subspan(at, kBlock));
        above.insert(above.end(), digest.begin(), digest.end());
      }
      above.resize((above.size() + kBlock - 1) / kBlock * kBlock);
      level = above;
    } while (level.size() > kBlock);
    EXPECT_EQ(tree.root(), hash(level)) << blocks;
  }
}

TEST(Initdata, TheAlgorithmIsTheDocumentsOwn) {
  const auto digests = measure_initdata(base::view("algorithm = 'sha256' # comment\nversion = \"0.1.0\"\n"));
  ASSERT_TRUE(digests);
  EXPECT_EQ(digests->host_data, base::sha256(base::view("algorithm = 'sha256' # comment\nversion = \"0.1.0\"\n")));
  EXPECT_TRUE(base::all_zero(ByteView(digests->mr_config_id).last(16)));
  EXPECT_TRUE(digests->pcr8);
  for (const char* const none : {"", "algorithm = \"md5\"", "[data]\nalgorithm = \"sha256\"", "algorithm = sha256",
                                 "algorithm = \"sha256\" x", "algorithm = \"sha256"}) {
    EXPECT_FALSE(measure_initdata(base::view(none))) << none;
  }
}

}  // namespace
}  // namespace blindbox::measure
