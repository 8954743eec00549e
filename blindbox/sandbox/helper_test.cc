// SPDX-License-Identifier: Apache-2.0
// What a process of our own still reaches once it has confined itself, tried in a child.
#include "blindbox/sandbox/helper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "blindbox/base/fd.h"
#include "blindbox/sandbox/internal/landlock.h"
#include "blindbox/sandbox/internal/sockets.h"

namespace blindbox::sandbox {
namespace {

using base::Fd;

// The errno of each attempt, 0 where it succeeded, by a child that has confined itself.
int in_child(const HelperReach& reach, const std::function<bool()>& attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool confined = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && confine_helper(reach).empty();
    ::_exit(!confined ? 255 : attempt() ? 0 : errno);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

bool opens(const std::string& path, int how) { return Fd(::open(path.c_str(), how | O_CLOEXEC, 0600)) ? true : false; }

bool connects(std::uint16_t port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto to = internal::loopback(Family::ipv4, port);
  return ::connect(socket.get(), to.get(), to.length) == 0;
}

class Helper : public ::testing::Test {
 protected:
  Helper() {
    folder_ = (std::filesystem::temp_directory_path() / "blindbox-helper-XXXXXX").string();
    if (::mkdtemp(folder_.data()) == nullptr) std::abort();
  }
  ~Helper() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  void SetUp() override {
    if (internal::landlock_version() < 4) GTEST_SKIP() << "needs Landlock of version 4, which this kernel lacks";
  }
  std::string folder_;
};

TEST_F(Helper, OpensFilesInItsFoldersAlone) {
  EXPECT_EQ(in_child({}, [] { return opens("/etc/passwd", O_RDONLY); }), EACCES);
  EXPECT_EQ(in_child({}, [] { return opens("/proc/self/status", O_RDONLY); }), EACCES);
  EXPECT_EQ(in_child({}, [this] { return ::mkdir((folder_ + "/a").c_str(), 0700) == 0; }), EACCES);
  HelperReach reach;
  reach.folders = {folder_, "/no/such/folder"};
  reach.reads_proc = true;
  EXPECT_EQ(in_child(reach, [] { return opens("/etc/passwd", O_RDONLY); }), EACCES);
  EXPECT_EQ(in_child(reach, [] { return opens("/dev/null", O_WRONLY); }), EACCES);
  EXPECT_EQ(in_child(reach, [] { return opens("/proc/self/status", O_RDONLY); }), 0);
  // As a report is asked for: a folder, a file written and read in it, and the folder gone again.
  EXPECT_EQ(in_child(reach,
                     [this] {
                       const std::string below = folder_ + "/report";
                       return ::mkdir(below.c_str(), 0700) == 0 && opens(below + "/inblob", O_WRONLY | O_CREAT) &&
                              opens(below + "/inblob", O_RDONLY) && ::unlink((below + "/inblob").c_str()) == 0 &&
                              ::rmdir(below.c_str()) == 0;
                     }),
            0);
}

TEST_F(Helper, ConnectsToItsPortAndBindsNone) {
  const Fd listening = internal::listen_loopback(0), other = internal::listen_loopback(0);
  ASSERT_TRUE(listening && other);
  const auto port_of = [](const Fd& socket) {
    sockaddr_in at{};
    socklen_t length = sizeof at;
    return ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &length) == 0 ? ntohs(at.sin_port) : 0;
  };
  const auto port = static_cast<std::uint16_t>(port_of(listening)), closed = static_cast<std::uint16_t>(port_of(other));
  HelperReach reach;
  reach.connect = port;
  EXPECT_EQ(in_child(reach, [&] { return connects(port); }), 0);
  EXPECT_EQ(in_child(reach, [&] { return connects(closed); }), EACCES);
  EXPECT_EQ(in_child(reach, [] { return static_cast<bool>(internal::listen_loopback(0)); }), EACCES);
  EXPECT_EQ(in_child({}, [&] { return connects(port); }), EACCES);
}

}  // namespace
}  // namespace blindbox::sandbox
