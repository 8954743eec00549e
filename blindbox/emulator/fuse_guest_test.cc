// SPDX-License-Identifier: Apache-2.0
// The mounted folder as a program sees it, and that nothing stays mounted.
#include "blindbox/emulator/fuse_guest.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "blindbox/base/file.h"
#include "blindbox/emulator/run.h"
#include "blindbox/emulator/testing.h"

namespace blindbox::emulator {
namespace {

using testing::HasSubstr;

class Mount : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "skipped: this machine has no usable /dev/fuse";
    std::string pattern = (std::filesystem::temp_directory_path() / "blindbox-mount-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    guest_.reset();
    EXPECT_FALSE(mounted()) << "a mount was left behind";
    EXPECT_TRUE(folder_.empty() || std::filesystem::remove(folder_));
  }
  void start(std::chrono::milliseconds latency = std::chrono::milliseconds(0)) {
    device_ = std::make_shared<EmulatedDevice>(test_processor(), Guest(), latency);
    auto guest = MountedGuest::start(folder_, device_);
    ASSERT_TRUE(guest) << base::to_string(guest.error());
    guest_ = std::move(*guest);
  }
  [[nodiscard]] bool mounted() const {
    const auto mounts = base::read_file("/proc/self/mounts", std::size_t{1} << 20);
    return base::as_text(mounts.value()).find(" " + folder_ + " ") != std::string_view::npos;
  }
  // 0 or errno of writing value to path in one go.
  [[nodiscard]] int write(const std::string& path, ByteView value) const {
    const base::Fd file(::open((folder_ + path).c_str(), O_WRONLY));
    if (!file) return errno;
    return ::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()) ? 0 : errno;
  }
  [[nodiscard]] int read_error(const std::string& path) const {
    const base::Fd file(::open((folder_ + path).c_str(), O_RDONLY));
    if (!file) return errno;
    char byte = 0;
    return ::read(file.get(), &byte, 1) >= 0 ? 0 : errno;
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    const auto bytes = base::read_file(folder_ + path, 65536);
    return bytes ? std::string(base::as_text(*bytes)) : base::to_string(bytes.error());
  }

  std::string folder_;
  std::shared_ptr<EmulatedDevice> device_;
  std::unique_ptr<MountedGuest> guest_;
};

TEST_F(Mount, ShowsWhatAGuestHasAndSaysWhatItIs) {
  start();
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    names.push_back(std::filesystem::relative(entry.path(), folder_).string());
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("emulator.json", "sev-guest", "sev", "tsm", "tsm/report"));
  const auto json = nlohmann::json::parse(text("/emulator.json"));
  EXPECT_EQ(json.at("emulated"), true);
  EXPECT_EQ(json.at("notice"), "EMULATED, NOT A TEE");
  EXPECT_EQ(json.at("fingerprint"), test_processor()->fingerprint());
  EXPECT_EQ(json.at("product"), "Milan");
  EXPECT_EQ(json.at("device_calls"), 0);
  EXPECT_EQ(write("/emulator.json", base::view("x")), EACCES);
}

TEST_F(Mount, BehavesAsConfigfsDoes) {
  start();
  const std::string instance = folder_ + "/tsm/report/one";
  ASSERT_EQ(::mkdir(instance.c_str(), 0700), 0);
  EXPECT_EQ(::mkdir(instance.c_str(), 0700), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(::mkdir((instance + "/two").c_str(), 0700), -1);
  EXPECT_EQ(::mkdir((folder_ + "/two").c_str(), 0700), -1);
  EXPECT_EQ(::unlink((instance + "/inblob").c_str()), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(read_error("/tsm/report/one/nothing"), ENOENT);
  EXPECT_EQ(read_error("/tsm/report/two/outblob"), ENOENT);
  EXPECT_EQ(read_error("/tsm/report/one/inblob"), EACCES);
  EXPECT_EQ(write("/tsm/report/one/outblob", base::view("x")), EACCES);
  EXPECT_EQ(read_error("/tsm/report/one/outblob"), EINVAL) << "no inblob yet";
  EXPECT_EQ(write("/tsm/report/one/inblob", Bytes(65)), EFBIG);
  EXPECT_EQ(write("/tsm/report/one/inblob", Bytes(10)), 0);
  EXPECT_EQ(read_error("/tsm/report/one/outblob"), EINVAL) << "the wrong length";
  EXPECT_EQ(write("/tsm/report/one/inblob", Bytes(64)), 0);
  EXPECT_EQ(text("/tsm/report/one/generation"), "2\n") << "what is too big is not taken over";
  EXPECT_EQ(text("/tsm/report/one/outblob").size(), 1184U);
  EXPECT_GT(text("/tsm/report/one/auxblob").size(), 3000U);
  EXPECT_EQ(device_->calls(), 1U);
  EXPECT_EQ(nlohmann::json::parse(text("/emulator.json")).at("device_calls"), 1);
  EXPECT_EQ(write("/tsm/report/one/privlevel", base::view("9")), EINVAL);
  EXPECT_EQ(::rmdir(instance.c_str()), 0);
  EXPECT_EQ(::rmdir(instance.c_str()), -1);
  EXPECT_EQ(::rmdir((folder_ + "/tsm/report").c_str()), -1);
}

TEST_F(Mount, TheShellsRedirectionWorks) {
  start();
  const std::string script = "cd " + folder_ + "/tsm/report && mkdir a && " +
                             "head -c 64 /dev/zero > a/inblob && test $(wc -c < a/outblob) = 1184 && rmdir a";
  EXPECT_EQ(std::system(script.c_str()), 0);  // NOLINT(cert-env33-c): the shell is what is tested
}

TEST_F(Mount, ACallTakesItsTime) {
  start(std::chrono::milliseconds(8));
  ASSERT_EQ(::mkdir((folder_ + "/tsm/report/a").c_str(), 0700), 0);
  const auto before = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < 3; ++i) {
    ASSERT_EQ(write("/tsm/report/a/inblob", Bytes(64, static_cast<std::byte>(i))), 0);
    ASSERT_EQ(read_error("/tsm/report/a/outblob"), 0);
  }
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(24));
  EXPECT_EQ(device_->calls(), 3U);
}

TEST_F(Mount, RefusesAFolderThatDoesNotDo) {
  const auto refusal = [&](const std::string& folder) {
    const auto guest = MountedGuest::start(folder, std::make_shared<EmulatedDevice>(test_processor(), Guest()));
    return guest ? std::string("mounted") : base::to_string(guest.error());
  };
  EXPECT_THAT(refusal(folder_ + "/absent"), HasSubstr("No such file"));
  EXPECT_THAT(refusal("/dev/null"), HasSubstr("it is not a folder"));
  EXPECT_THAT(refusal("/etc"), HasSubstr("it is not empty"));
  EXPECT_THAT(refusal("/proc"), HasSubstr("it is a mount point already"));
  start();
  EXPECT_THAT(refusal(folder_), HasSubstr("it is a mount point already"));
}

TEST_F(Mount, AnUnmountFromOutsideEndsTheService) {
  start();
  const std::string unmount = "fusermount3 -u " + folder_;
  ASSERT_EQ(std::system(unmount.c_str()), 0);  // NOLINT(cert-env33-c): as a user would
  guest_.reset();
}

// The program's life: another process, told to stop in the four ways there are.
class Run : public Mount {
 protected:
  void SetUp() override {
    Mount::SetUp();
    if (!folder_.empty()) (void)test_processor();  // so that the key folder stands
  }
  // Forks run_emulator; returns when it is mounted.
  pid_t spawn(bool exit_with_parent) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      Options options;
      options.folder = folder_;
      const char* keys = std::getenv("BLINDBOX_TEST_KEYS");
      options.key_folder =
          keys != nullptr
              ? keys
              : (std::filesystem::temp_directory_path() / ("blindbox-test-keys-" + std::to_string(::getuid())))
                    .string();
      options.exit_with_parent = exit_with_parent;
      options.on_ready = [&](const std::string& fingerprint, const std::string&) {
        (void)!::write(ready[1], fingerprint.data(), fingerprint.size());
      };
      const auto done = run_emulator(options);
      ::_exit(done ? 0 : 1);
    }
    ::close(ready[1]);
    std::array<char, 64> fingerprint{};
    EXPECT_EQ(::read(ready[0], fingerprint.data(), fingerprint.size()), 64);
    ::close(ready[0]);
    EXPECT_TRUE(mounted());
    return child;
  }
  static int wait_for(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }
  // A helper's work is awaited, not timed: it reports through the mount table's own poll.
  void await_unmount() const {
    const base::Fd table(::open("/proc/self/mounts", O_RDONLY));
    for (int i = 0; i < 100 && mounted(); ++i) {
      pollfd change{table.get(), POLLPRI, 0};
      (void)::poll(&change, 1, 100);
    }
  }
};

TEST_F(Run, StopsOnSignalsAndUnmounts) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    const pid_t child = spawn(false);
    EXPECT_THAT(text("/emulator.json"), HasSubstr("EMULATED, NOT A TEE"));
    ASSERT_EQ(::kill(child, signal), 0);
    const int status = wait_for(child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << signal;
    EXPECT_FALSE(mounted());
  }
}

TEST_F(Run, KilledOutrightItIsUnmountedByTheHelper) {
  const pid_t child = spawn(false);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  (void)wait_for(child);
  await_unmount();
  EXPECT_FALSE(mounted());
}

TEST_F(Run, EndsWithItsParentWhenAsked) {
  // This process adopts the grandchild, so that it can wait for it.
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  std::array<int, 2> pid_pipe{};
  ASSERT_EQ(::pipe2(pid_pipe.data(), O_CLOEXEC), 0);
  const pid_t middle = ::fork();
  if (middle == 0) {
    const pid_t emulator = spawn(true);
    (void)!::write(pid_pipe[1], &emulator, sizeof(emulator));
    ::_exit(0);  // the emulator's parent is gone
  }
  pid_t emulator = 0;
  ASSERT_EQ(::read(pid_pipe[0], &emulator, sizeof(emulator)), static_cast<ssize_t>(sizeof(emulator)));
  for (const int fd : pid_pipe) ::close(fd);
  (void)wait_for(middle);
  const int status = wait_for(emulator);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_FALSE(mounted());
}

}  // namespace
}  // namespace blindbox::emulator
