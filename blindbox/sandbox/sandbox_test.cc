// SPDX-License-Identifier: Apache-2.0
// Commands behind the walls. What they try themselves is in inside_test.cc.
#include "blindbox/sandbox/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <fstream>

#include "blindbox/sandbox/steps.h"
#include "blindbox/sandbox/testing.h"

namespace blindbox::sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Settings at(Tier tier) {
  Settings settings = testing::settings_for({});
  settings.maximum_tier = tier;
  return settings;
}

testing::Ran shell(const std::string& script, Settings settings = testing::settings_for({})) {
  settings.application.command = {"/bin/sh", "-c", script};
  auto ran = testing::run(settings);
  EXPECT_TRUE(ran.has_value()) << base::to_string(ran.error());
  return ran ? std::move(*ran) : testing::Ran{};
}

// This very program, behind the walls, running one disabled test of inside_test.cc.
testing::Ran inside(const std::string& test, Settings settings) {
  const base::Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  settings.executable = self.get();
  settings.application.command = {"sandbox_test", "--gtest_also_run_disabled_tests",
                                  "--gtest_filter=Inside.DISABLED_" + test};
  auto ran = testing::run(settings);
  EXPECT_TRUE(ran.has_value()) << base::to_string(ran.error());
  return ran ? std::move(*ran) : testing::Ran{};
}

class Tiers : public ::testing::TestWithParam<Tier> {};
INSTANTIATE_TEST_SUITE_P(All, Tiers, ::testing::Values(Tier::filtered, Tier::namespaces, Tier::confined),
                         [](const auto& tested) { return std::string(specification::tier_name(tested.param)); });

TEST_P(Tiers, RunsACommandAndPassesItsStatusOn) {
  const auto ran = shell("echo hello; exit 7", at(GetParam()));
  EXPECT_EQ(ran.status, 7);
  EXPECT_EQ(ran.output, "hello\n");
  EXPECT_LE(ran.posture.tier, GetParam());
  EXPECT_EQ(shell("kill -USR1 $$", at(GetParam())).status, 128 + SIGUSR1);
}

TEST_P(Tiers, GivesNothingAway) {
  Settings settings = at(GetParam());
  settings.limits.open_files = 64;
  const auto ran = shell(
      "grep -E 'CapPrm|CapBnd|CapEff|NoNewPrivs|Seccomp:' /proc/self/status; ulimit -n; ulimit -c; "
      "ls /proc/self/fd; env",
      settings);
  EXPECT_THAT(ran.output, HasSubstr("CapPrm:\t0000000000000000"));
  EXPECT_THAT(ran.output, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(ran.output, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(ran.output, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(ran.output, HasSubstr("\n64\n0\n"));
  EXPECT_THAT(ran.output, HasSubstr("0\n1\n2\n3\n"));  // 3 is ls's own
  EXPECT_THAT(ran.output, Not(HasSubstr("\n4\n")));
}

TEST_P(Tiers, ALowPortTakesOneCapabilityAndNoMore) {
  for (const char* const user : {"", "1000:1000"}) {
    Settings settings = at(GetParam());
    settings.port = 80;
    settings.application.user = user;
    const auto ran = shell(
        "grep -E 'CapEff|CapBnd|CapInh' /proc/self/status; python3 -c \"import socket; "
        "socket.socket().bind(('127.0.0.1', 80)); print('bound')\"",
        settings);
    if (GetParam() == Tier::filtered) continue;  // the port is the machine's, and may be taken
    EXPECT_THAT(ran.output, HasSubstr("CapEff:\t0000000000000400")) << user;
    EXPECT_THAT(ran.output, HasSubstr("CapBnd:\t0000000000000400")) << user;
    EXPECT_THAT(ran.output, HasSubstr("bound")) << user;
  }
}

TEST_P(Tiers, WritesWhereItMayAlone) {
  const std::string folder = ::testing::TempDir() + "sandbox-writable-" + std::to_string(::getpid());
  Settings settings = at(GetParam());
  settings.writable = {{folder, 64 << 10}};
  const auto ran = shell("cd " + folder +
                             " && echo x > here && cat here; echo y > /etc/there; echo z > /dev/shm/mine; "
                             "cat /dev/shm/mine; rm -f /dev/shm/mine; mknod d c 1 3",
                         settings);
  EXPECT_THAT(ran.output, HasSubstr("x\n"));
  EXPECT_THAT(ran.output, HasSubstr("z\n"));
  EXPECT_NE(ran.status, 0);
  EXPECT_NE(::access("/etc/there", F_OK), 0);
  if (ran.posture.tier >= Tier::namespaces) {
    EXPECT_NE(::access((folder + "/here").c_str(), F_OK), 0) << "it is in memory, and gone";
    EXPECT_NE(shell("head -c 200000 /dev/zero > " + folder + "/much", settings).status, 0);
  }
  (void)::unlink((folder + "/here").c_str());
  (void)::rmdir(folder.c_str());
}

TEST_P(Tiers, HoldsWhatTheCommandTries) {
  const auto ran = inside("NothingThatIsForbiddenWorks", at(GetParam()));
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("[  PASSED  ] 1 test"));
}

TEST_P(Tiers, LetsApplicationsDoWhatTheyDo) {
  const auto ran = inside("WhatServersNeedWorks", at(GetParam()));
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("[  PASSED  ] 1 test"));
}

TEST_P(Tiers, EndsWithEverythingThatItHasStarted) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const base::Fd reading(pipe[0]);
  base::Fd writing(pipe[1]);
  Settings settings = at(GetParam());
  settings.output = writing.get();
  settings.application.command = {"/bin/sh", "-c", "(setsid sleep 1000 &) ; (sleep 1000 &) ; echo up; sleep 1000"};
  auto running = start(settings);
  ASSERT_TRUE(running.has_value()) << base::to_string(running.error());
  writing.reset();
  char up = 0;
  ASSERT_EQ(::read(reading.get(), &up, 1), 1);
  EXPECT_TRUE(running->signal(SIGKILL));
  EXPECT_EQ(running->wait(), 137);
  // The pipe ends when the last of those that inherited it has ended.
  pollfd end{reading.get(), POLLIN, 0};
  std::array<char, 64> rest{};
  while (::poll(&end, 1, 10'000) == 1 && ::read(reading.get(), rest.data(), rest.size()) > 0) {
  }
  EXPECT_NE(end.revents & POLLHUP, 0);
}

TEST_P(Tiers, HandsOutSocketsFromInside) {
  auto ends = make_connector();
  ASSERT_TRUE(ends.has_value());
  // A port that nobody has: in the weakest tier it is this machine's.
  base::Fd reserved(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(reserved.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::getsockname(reserved.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  reserved.reset();
  Settings settings = at(GetParam());
  settings.port = ntohs(address.sin_port);
  settings.keeper_end = ends->keeper.get();
  const base::Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  settings.executable = self.get();
  settings.application.command = {"sandbox_test", "--gtest_also_run_disabled_tests",
                                  "--gtest_filter=Inside.DISABLED_AnswersOnce"};
  settings.application.environment.push_back("PORT=" + std::to_string(settings.port));
  auto running = start(settings);
  ASSERT_TRUE(running.has_value()) << base::to_string(running.error());
  Result<base::Fd> socket = base::fail(ErrorKind::network, "");
  for (int tries = 0; tries < 500 && !socket; ++tries) {
    socket = connect_inside(ends->asker.get(), settings.port, 10'000);
    if (!socket) ::poll(nullptr, 0, 10);  // until it listens
  }
  ASSERT_TRUE(socket.has_value()) << base::to_string(socket.error());
  std::array<char, 16> answer{};
  ASSERT_EQ(::read(socket->get(), answer.data(), answer.size()), 6);
  EXPECT_STREQ(answer.data(), "inside");
  // The keeper that handed it out is under a filter of its own by now, as the command is.
  std::ifstream status("/proc/" + std::to_string(running->pid()) + "/status");
  const std::string keeper{std::istreambuf_iterator<char>(status), {}};
  EXPECT_THAT(keeper, HasSubstr("Seccomp:\t2\n"));
  EXPECT_THAT(keeper, HasSubstr("NoNewPrivs:\t1\n"));
  EXPECT_EQ(running->wait(), 0);
}

TEST(Sandbox, RefusesBelowTheMinimumAndSaysWhichStep) {
  Settings settings = at(Tier::filtered);
  settings.minimum_tier = Tier::namespaces;
  settings.application.command = {"/bin/sh", "-c", "echo ran"};
  const auto ran = testing::run(settings);
  ASSERT_FALSE(ran.has_value());
  EXPECT_EQ(ran.error().kind, ErrorKind::platform);
  EXPECT_THAT(ran.error().what, HasSubstr("\"namespaces\""));
  EXPECT_THAT(ran.error().detail, HasSubstr("network_namespace: left out on purpose"));
}

TEST(Sandbox, ListensForTheProxyInItsOwnNetworkAlone) {
  Settings settings = at(Tier::filtered);
  settings.egress_port = 3128;
  settings.application.command = {"/bin/true"};
  const auto refused = testing::run(settings);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::platform);
  EXPECT_THAT(refused.error().what, HasSubstr("egress list cannot be enforced"));
  settings.maximum_tier = Tier::confined;
  auto running = start(settings);
  if (!running) GTEST_SKIP() << "no network namespace here: " << base::to_string(running.error());
  const base::Fd listener = running->take_egress_listener();
  EXPECT_TRUE(listener);
  EXPECT_EQ(running->wait(), 0);
}

TEST(Sandbox, SaysWhatCannotBeRun) {
  for (const char* const command : {"/absent", "absent", "/etc/passwd"}) {
    const auto ran = testing::run(testing::settings_for({command}));
    ASSERT_FALSE(ran.has_value());
    EXPECT_EQ(ran.error().kind, ErrorKind::usage);
    EXPECT_THAT(ran.error().what, HasSubstr(command));
  }
  Settings settings = testing::settings_for({"/bin/true"});
  settings.application.working_directory = "/etc/passwd";
  EXPECT_THAT(testing::run(settings).error().what, HasSubstr("working directory"));
  settings = testing::settings_for({"/bin/true"});
  settings.application.user = "nobody-of-that-name";
  EXPECT_THAT(testing::run(settings).error().what, HasSubstr("no user \"nobody-of-that-name\""));
  EXPECT_FALSE(testing::run(testing::settings_for({})).has_value());
}

TEST(Sandbox, RunsAsTheImagesUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user is for root alone to choose";
  Settings settings = testing::settings_for({});
  settings.application.user = "1234:4321";
  EXPECT_EQ(shell("id -u; id -g", settings).output, "1234\n4321\n");
  settings.maximum_tier = Tier::filtered;
  EXPECT_EQ(shell("id -u; id -g", settings).output, "1234\n4321\n");
}

TEST(Sandbox, ShowsANetworkProcessesAndFilesOfItsOwn) {
  const auto ran = shell("cat /proc/net/dev | grep -c :; ls /proc | grep -c '^[0-9]'; ls /dev; ls /sys; hostname");
  if (ran.posture.tier != Tier::confined) GTEST_SKIP() << "not granted here: " << to_json(ran.posture);
  EXPECT_THAT(ran.output, ::testing::StartsWith("1\n"));
  EXPECT_THAT(ran.output, HasSubstr("fd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\nurandom\nzero\n"));
  EXPECT_THAT(ran.output, HasSubstr("\ndevices\nblindbox\n"));
}

}  // namespace
}  // namespace blindbox::sandbox
