// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "blindbox/ledger/internal/quick_entry.h"
#include "blindbox/ledger/reader.h"
#include "blindbox/ledger/writer.h"

namespace blindbox::ledger {
namespace {

namespace fs = std::filesystem;

class Ledger : public ::testing::Test {
 protected:
  ~Ledger() override { fs::remove_all(folder_); }
  Writer open(std::uint64_t rotate_at = 1 << 20) const {
    WriterOptions options;
    options.folder = folder_;
    options.rotate_at = rotate_at;
    return Writer::open(options).value();
  }
  static Entry entry(std::size_t number) {
    Entry one;
    one.time = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + std::chrono::microseconds(number);
    one.id = std::to_string(number);
    one.method = "POST";
    one.path = "/infill";
    one.status = 200;
    one.bytes_out = 10;
    one.bytes_in = 20;
    one.outcome = "answered";
    return one;
  }
  std::size_t lines() const {
    std::size_t count = 0;
    each(folder_, [&](const Entry&) { return ++count > 0; });
    return count;
  }
  const std::string folder_ = testing::TempDir() + "ledger_" + std::to_string(::getpid()) + "_" +
                              testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(Ledger, EntriesComeBack) {
  Entry one = entry(7);
  one.server = "work";
  one.verdict = "ab";
  one.sha256 = "cd";
  one.findings = {"github-pat", "aws-access-token"};
  EXPECT_EQ(read_entry(write_entry(one)).value(), one);
  EXPECT_TRUE(write_entry(one).starts_with(R"({"time":"2026-11-21T00:00:00.000007Z","id":"7","server":"work")"));
  one.path = "/\xff\"\n";
  EXPECT_EQ(write_entry(one).find('\n'), std::string::npos);
  for (const char* line : {"", "{", "[]", "{}", R"({"time":1})", R"({"time":"2026-11-21T00:00:00Z","status":"x"})"}) {
    EXPECT_FALSE(read_entry(line)) << line;
  }
}

// The quick way says the same as JSON does, or leaves it to JSON.
TEST_F(Ledger, AreReadQuicklyWhereWrittenByUs) {
  Entry one = entry(123'456);
  one.server = "work";
  one.verdict = one.sha256 = std::string(64, 'a');
  one.bytes_in = ~std::uint64_t{0};
  for (const std::vector<std::string>& findings : {std::vector<std::string>{}, {"a"}, {"a", "b"}}) {
    one.findings = findings;
    const std::string line = write_entry(one);
    EXPECT_EQ(internal::read_quickly(line), one) << line;
    for (std::size_t cut = 0; cut < line.size(); ++cut) {
      EXPECT_FALSE(internal::read_quickly(line.substr(0, cut))) << cut;
      EXPECT_FALSE(read_entry(line.substr(0, cut))) << cut;
    }
    // A change anywhere: read as by JSON, or not at all.
    for (const char with : {'"', '\\', '0', ' ', '\x01', '\xc3', ','}) {
      for (std::size_t at = 0; at < line.size(); ++at) {
        std::string other = line;
        other[at] = with;
        const auto quick = internal::read_quickly(other);
        if (!quick) continue;
        const auto json = read_entry(" " + other);  // the space keeps it from the quick way
        ASSERT_TRUE(json) << other;
        EXPECT_EQ(*quick, *json) << other;
      }
    }
  }
  EXPECT_FALSE(internal::read_quickly(write_entry(one) + " "));
  one.path = "/\xc3\xa4";
  EXPECT_FALSE(internal::read_quickly(write_entry(one)));
  EXPECT_EQ(read_entry(write_entry(one)).value(), one);
}

TEST_F(Ledger, TimesHaveMicroseconds) {
  EXPECT_EQ(to_text(parse_time("2026-11-21T20:00:00.25Z").value()), "2026-11-21T20:00:00.250000Z");
  EXPECT_EQ(to_text(parse_time("2026-11-21").value()), "2026-11-21T00:00:00.000000Z");
  EXPECT_EQ(to_text(parse_time("2026-11-21T20:00:00.1234567891+02:00").value()), "2026-11-21T18:00:00.123456Z");
  EXPECT_FALSE(parse_time("yesterday"));
}

TEST_F(Ledger, IsForItsOwnerAlone) {
  Writer writer = open();
  ASSERT_TRUE(writer.append(entry(1)));
  struct stat info {};
  ASSERT_EQ(::stat((folder_ + "/" + kFile).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(Ledger, RotatesAndReadsOnAcrossFiles) {
  Writer writer = open(2000);
  for (std::size_t i = 1; i <= 50; ++i) ASSERT_TRUE(writer.append(entry(i)));
  EXPECT_GT(rotated_files(folder_).size(), 2U);
  EXPECT_EQ(lines(), 50U);
  const auto page = newest(folder_, 20);
  ASSERT_EQ(page.size(), 20U);
  EXPECT_EQ(page.front().id, "50");
  EXPECT_EQ(page.back().id, "31");
  const auto next = newest(folder_, 100, page.back().time);
  EXPECT_EQ(next.size(), 30U);
  EXPECT_EQ(next.front().id, "30");
}

TEST_F(Ledger, OldFilesGo) {
  WriterOptions options;
  options.folder = folder_;
  options.rotate_at = 1;
  options.keep = 3;
  Writer writer = Writer::open(options).value();
  for (std::size_t i = 1; i <= 10; ++i) ASSERT_TRUE(writer.append(entry(i)));
  EXPECT_EQ(rotated_files(folder_).size(), 3U);
  EXPECT_EQ(newest(folder_, 10).size(), 4U);
}

TEST_F(Ledger, RotatesByAge) {
  WriterOptions options;
  options.folder = folder_;
  options.rotate_after = std::chrono::hours(1);
  Writer writer = Writer::open(options).value();
  ASSERT_TRUE(writer.append(entry(1)));  // long ago
  Entry now = entry(2);
  now.time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  ASSERT_TRUE(writer.append(now));
  EXPECT_EQ(rotated_files(folder_).size(), 1U);
  ASSERT_TRUE(writer.append(now));
  EXPECT_EQ(rotated_files(folder_).size(), 1U);
}

TEST_F(Ledger, TimesOfOneWriterGrow) {
  Writer writer = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer.append(entry(1)));
  const auto all = newest(folder_, 10);
  EXPECT_GT(all[0].time, all[1].time);
  EXPECT_GT(all[1].time, all[2].time);
}

TEST_F(Ledger, SeveralProcessesWriteAtOnce) {
  constexpr int kProcesses = 4;
  constexpr std::size_t kEach = 200;
  for (int i = 0; i < kProcesses; ++i) {
    if (::fork() == 0) {
      Writer writer = open(20'000);
      bool good = true;
      for (std::size_t n = 0; n < kEach; ++n) good = writer.append(entry(n)).has_value() && good;
      ::_exit(good ? 0 : 1);
    }
  }
  for (int i = 0; i < kProcesses; ++i) {
    int status = 0;
    ::wait(&status);
    EXPECT_EQ(status, 0);
  }
  // Twelve rotated files hold what remains; nothing is cut or mixed.
  std::size_t total = 0;
  for (const auto& file : fs::directory_iterator(folder_)) {
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line); ++total) EXPECT_TRUE(read_entry(line)) << line;
  }
  EXPECT_EQ(total, kProcesses * kEach);
}

// A limit on the size of files stands in for a disk without room: both cut a write short, and then fail it.
TEST_F(Ledger, AFullDiskLosesNothing) {
  std::signal(SIGXFSZ, SIG_IGN);
  Writer writer = open();
  ASSERT_TRUE(writer.append(entry(1)));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit tight{fs::file_size(folder_ + "/" + kFile) + 50, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto refused = writer.append(entry(2));
  const auto again = writer.append(entry(3));
  const auto ready = writer.ready();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(refused);
  EXPECT_FALSE(again);
  EXPECT_FALSE(ready);
  EXPECT_EQ(refused.error().kind, ErrorKind::io);
  EXPECT_EQ(writer.waiting(), 2U);
  EXPECT_EQ(lines(), 1U) << "and no half line";
  EXPECT_TRUE(writer.ready());
  EXPECT_EQ(lines(), 3U);
  EXPECT_EQ(writer.lost(), 0U);
}

TEST_F(Ledger, AFileThatWasRemovedIsMadeAgain) {
  Writer writer = open();
  ASSERT_TRUE(writer.append(entry(1)));
  fs::remove(folder_ + "/" + kFile);
  ASSERT_TRUE(writer.append(entry(2)));
  EXPECT_EQ(lines(), 1U);
}

TEST_F(Ledger, CanBeFollowed) {
  Writer writer = open(2000);
  ASSERT_TRUE(writer.append(entry(1)));
  Follower follower(folder_);
  EXPECT_TRUE(follower.next().empty());
  ASSERT_TRUE(writer.append(entry(2)));
  EXPECT_EQ(follower.next().size(), 1U);
  EXPECT_TRUE(follower.next().empty());
}

TEST_F(Ledger, GarbageIsSkipped) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/" + kFile) << "\n{\n"
                                       << std::string(300'000, 'x') << "\n"
                                       << write_entry(entry(1)) << "\n"
                                       << "{\"time";
  EXPECT_EQ(newest(folder_, 10).size(), 1U);
  EXPECT_EQ(lines(), 1U);
  EXPECT_TRUE(newest(folder_ + "/nowhere", 10).empty());
}

TEST_F(Ledger, Sums) {
  Sums sums;
  Entry refused = entry(1);
  refused.outcome = "refused";
  sums.add(entry(2));
  sums.add(refused);
  EXPECT_EQ(sums.requests, 2U);
  EXPECT_EQ(sums.bytes_out, 20U);
  EXPECT_EQ(sums.refused, 1U);
}

TEST_F(Ledger, AddsUpWhatIsThereNow) {
  WriterOptions options;
  options.folder = folder_;
  options.rotate_at = 2000;
  options.keep = 4;
  Writer writer = Writer::open(options).value();
  Adder adder(folder_);
  EXPECT_EQ(adder.sums().requests, 0U);
  for (std::size_t i = 1; i <= 100; ++i) {
    ASSERT_TRUE(writer.append(entry(i)));
    EXPECT_EQ(adder.sums().requests, lines()) << "what rotates is counted once, and what is removed no more";
  }
  EXPECT_EQ(adder.sums().bytes_out, 10 * lines());
}

}  // namespace
}  // namespace blindbox::ledger
