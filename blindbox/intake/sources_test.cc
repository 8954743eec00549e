// SPDX-License-Identifier: Apache-2.0
// Files, folders, and what is neither.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "blindbox/base/fd.h"
#include "blindbox/base/file.h"
#include "tests/intake/testing.h"

namespace blindbox::intake {
namespace {

using testing::genuine;
using ::testing::HasSubstr;

class Sources : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "blindbox-intake-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    report_ = write("report.bin", genuine().report);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string write(const std::string& name, const Bytes& contents) {
    EXPECT_TRUE(base::write_file(path(name), contents));
    return path(name);
  }

  std::string folder_;
  std::string report_;
};

void make_socket(const std::string& name) {
  const base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(name.size(), sizeof address.sun_path);
  name.copy(static_cast<char*>(address.sun_path), name.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

TEST_F(Sources, AFolderIsItsFilesAndStrangersAreIgnored) {
  write("vcek.der", genuine().certificates[0]);
  write("README", testing::bytes_of("what this is"));
  write(".hidden", Bytes{});
  std::filesystem::create_directory(path("deeper"));
  write("deeper/other.bin", Bytes(1184));
  std::filesystem::create_symlink("vcek.der", path("link.der"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink("nowhere", path("dangling"));
  std::filesystem::create_symlink("loop", path("loop"));
  make_socket(path("socket"));
  write("cut.pem", testing::bytes_of("-----BEGIN CERTIFICATE-----\nAAAA"));
  std::filesystem::resize_file(write("huge", Bytes{}), kFileCap + 1);
  for (const std::string& folder : {folder_, folder_ + "/"}) {
    const auto intake = read_sources({folder});
    ASSERT_TRUE(intake) << intake.error().what;
    EXPECT_EQ(intake->evidence.report, genuine().report);
    EXPECT_EQ(intake->evidence.certificates.size(), 1U);
    std::size_t ignored = 0;
    for (const Source& source : intake->sources) ignored += source.ignored ? 1 : 0;
    EXPECT_EQ(ignored, 9U);
    EXPECT_EQ(intake->sources.size(), 12U);
  }
}

TEST_F(Sources, AFileGivenByNameMustBeKnown) {
  const auto refused = read_sources({report_, write("README", testing::bytes_of("what this is"))});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::malformed);
  EXPECT_THAT(refused.error().what, HasSubstr("README"));
}

TEST_F(Sources, WhatCannotBeReadIsAnIoError) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink("nowhere", path("dangling"));
  for (const std::string& source : {path("absent"), path("pipe"), path("dangling"), std::string("/dev/zero")}) {
    const auto refused = read_sources({source});
    ASSERT_FALSE(refused) << source;
    EXPECT_EQ(refused.error().kind, ErrorKind::io) << source;
    EXPECT_THAT(refused.error().what, HasSubstr(source));
  }
}

TEST_F(Sources, WhatAShellHandsOverIsRead) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const base::Fd from(ends[0]);
  {
    const base::Fd to(ends[1]);
    const auto& report = genuine().report;
    ASSERT_EQ(::write(to.get(), report.data(), report.size()), static_cast<ssize_t>(report.size()));
  }
  const auto intake = read_sources({"/dev/fd/" + std::to_string(from.get())});
  ASSERT_TRUE(intake) << intake.error().what;
  EXPECT_EQ(intake->sources.size(), 1U);
}

TEST_F(Sources, AFolderOfManyFilesIsRead) {
  for (int i = 0; i < 300; ++i) write("log-" + std::to_string(i), testing::bytes_of("nothing of interest"));
  const auto intake = read_sources({folder_});
  ASSERT_TRUE(intake) << intake.error().what;
  EXPECT_EQ(intake->sources.size(), 301U);
}

TEST_F(Sources, CapsHold) {
  const std::string huge = write("huge", Bytes{});
  std::filesystem::resize_file(huge, std::size_t{100} << 20);
  const auto large = read_sources({report_, huge});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, ErrorKind::malformed);
  const auto many = read_sources(std::vector<std::string>(kMostFiles + 1, report_));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().kind, ErrorKind::malformed);
  EXPECT_TRUE(read_sources(std::vector<std::string>(kMostFiles, report_)));
  for (std::size_t i = 0; i < kMostFiles; ++i) write("f" + std::to_string(i), Bytes{});
  EXPECT_EQ(read_sources({folder_}).error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace blindbox::intake
