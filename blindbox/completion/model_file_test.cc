// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/model_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "blindbox/base/file.h"

namespace blindbox::completion {
namespace {

class ModelFileTest : public ::testing::Test {
 protected:
  ModelFileTest() {
    std::filesystem::create_directory(folder_);
    EXPECT_TRUE(base::write_file(path_, base::view(kContents)));
  }
  ~ModelFileTest() override { std::filesystem::remove_all(folder_); }

  static constexpr std::string_view kContents = "GGUF and more";
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("blindbox_model_" + std::to_string(::getpid()));
  std::string path_ = folder_ / "model.gguf";
};

TEST_F(ModelFileTest, SealedMemoryIsHandedOnWithItsDigest) {
  std::uint64_t last = 0;
  auto opened = ModelFile::open(path_, std::nullopt, [&](std::uint64_t read, std::uint64_t total) {
    last = read;
    EXPECT_EQ(total, kContents.size());
  });
  ASSERT_TRUE(opened);
  EXPECT_EQ(last, kContents.size());
  EXPECT_EQ(opened->digest(), base::sha256(base::view(kContents)));
  auto adopted = ModelFile::adopt(base::Fd(::dup(opened->fd())), opened->digest());
  ASSERT_TRUE(adopted);
  EXPECT_EQ(base::as_text(adopted->bytes()), kContents);
  EXPECT_LT(::pwrite(adopted->fd(), "x", 1, 0), 0) << "the seal forbids it";
}

TEST_F(ModelFileTest, MemoryThatCanStillChangeIsRefused) {
  base::Fd memory(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::write(memory.get(), kContents.data(), kContents.size()), static_cast<ssize_t>(kContents.size()));
  ASSERT_EQ(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
  EXPECT_FALSE(ModelFile::adopt(std::move(memory), {}));
  EXPECT_FALSE(ModelFile::adopt(base::Fd(::open(path_.c_str(), O_RDONLY)), {}));
  EXPECT_FALSE(ModelFile::adopt(base::Fd(), {}));
}

TEST_F(ModelFileTest, AnotherDigestIsRefused) {
  EXPECT_EQ(ModelFile::open(path_, base::Sha256{}).error().kind, ErrorKind::model);
}

}  // namespace
}  // namespace blindbox::completion
