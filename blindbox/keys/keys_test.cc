// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/keys/key_ring.h"
#include "blindbox/keys/ledger.h"

namespace blindbox::keys {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const base::Time kNoon = base::from_iso8601("2026-11-22T12:00:00Z").value();

NewKey made(const std::string& tenant, Limits limits = {}) {
  NewKey key = make_key(tenant, "").value();
  key.key.limits = limits;
  return key;
}

TEST(KeyFile, IsReadAsItWasWritten) {
  KeyFile file;
  file.keys = {made("alice", {60, 100000, 4}).key, made("bob@example.org").key};
  file.keys[1].metrics = true;
  file.keys[1].name = "ci";
  file.keys[1].expires = kNoon;
  const auto read = parse_key_file(write_key_file(file), "keys.yml");
  ASSERT_TRUE(read) << to_string(read.error());
  ASSERT_EQ(read->keys.size(), 2U);
  EXPECT_EQ(read->keys[0].tenant, "alice");
  EXPECT_EQ(read->keys[0].sha256, file.keys[0].sha256);
  EXPECT_EQ(read->keys[0].limits.requests_per_minute, 60U);
  EXPECT_EQ(read->keys[0].limits.tokens_per_day, 100000U);
  EXPECT_EQ(read->keys[0].limits.concurrent, 4U);
  EXPECT_FALSE(read->keys[0].metrics);
  EXPECT_TRUE(read->keys[1].metrics);
  EXPECT_EQ(read->keys[1].expires, kNoon);
  EXPECT_EQ(write_key_file(*read), write_key_file(file));
  EXPECT_TRUE(parse_key_file(write_key_file({}), "keys.yml"));
}

TEST(KeyFile, HoldsNoKey) {
  const NewKey key = made("alice");
  const std::string written = write_key_file({{key.key}});
  EXPECT_THAT(written, Not(HasSubstr(key.secret)));
  EXPECT_THAT(written, Not(HasSubstr(key.secret.substr(16))));
  EXPECT_NE(made("alice").key.salt, key.key.salt);
}

TEST(KeyFile, WhatIsWrongIsToldWithItsLine) {
  const std::string good = write_key_file({{made("alice", {1, 2, 3}).key}});
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& says) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const auto read = parse_key_file(text, "keys.yml");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::usage);
    EXPECT_THAT(to_string(read.error()), HasSubstr(says));
  };
  refused("tenant", "tenent", "unknown key tenent");
  refused("\"alice\"", "\"a b\"", "keys.yml:4");
  refused("concurrent: 3", "concurrent: many", "expected a decimal number");
  refused("salt: \"", "salt: \"00", "expected 16 bytes");
  refused("keys:", "kees:", "kees");
  EXPECT_FALSE(parse_key_file("", "keys.yml"));
  EXPECT_FALSE(parse_key_file("- a\n", "keys.yml"));
  EXPECT_FALSE(parse_key_file(good + good.substr(good.find("  - id")), "keys.yml"));
}

TEST(KeyFile, FindsOnlyTheWholeKeyInItsTime) {
  NewKey key = made("alice");
  KeyFile file{{made("bob").key, key.key}};
  ASSERT_NE(find_key(file, key.secret, kNoon), nullptr);
  EXPECT_EQ(find_key(file, key.secret, kNoon)->tenant, "alice");
  std::string other = key.secret;
  other.back() = other.back() == '0' ? '1' : '0';
  EXPECT_EQ(find_key(file, other, kNoon), nullptr);
  EXPECT_EQ(find_key(file, key.secret.substr(0, key.secret.size() - 1), kNoon), nullptr);
  EXPECT_EQ(find_key(file, key.secret + "0", kNoon), nullptr);
  EXPECT_EQ(find_key(file, "", kNoon), nullptr);
  file.keys[1].expires = kNoon;
  EXPECT_EQ(find_key(file, key.secret, kNoon), nullptr);
  EXPECT_NE(find_key(file, key.secret, kNoon - std::chrono::seconds(1)), nullptr);
}

TEST(KeyFile, NamesAreWords) {
  EXPECT_FALSE(make_key("", ""));
  EXPECT_FALSE(make_key("a\nb", ""));
  EXPECT_FALSE(make_key("alice", "\""));
  EXPECT_FALSE(make_key(std::string(65, 'a'), ""));
}

class Folder {
 public:
  Folder() {
    path_ = ::testing::TempDir() + "blindbox-keys-XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file() const { return path_ + "/keys.yml"; }

 private:
  std::string path_;
};

TEST(KeyRing, ReloadsWhatChangedAndKeepsWhatWasValid) {
  const Folder folder;
  const NewKey alice = made("alice");
  const NewKey bob = made("bob");
  EXPECT_FALSE(KeyRing::open(folder.file()));
  ASSERT_TRUE(save_key_file(folder.file(), {{alice.key}}));
  struct ::stat info {};
  ASSERT_EQ(::stat(folder.file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  auto ring = KeyRing::open(folder.file());
  ASSERT_TRUE(ring);
  EXPECT_TRUE((*ring)->find(alice.secret, kNoon));
  EXPECT_FALSE((*ring)->find(bob.secret, kNoon));
  EXPECT_EQ((*ring)->reload_if_changed().value(), false);

  ASSERT_TRUE(save_key_file(folder.file(), {{bob.key}}));
  EXPECT_EQ((*ring)->reload_if_changed().value(), true);
  EXPECT_FALSE((*ring)->find(alice.secret, kNoon));
  EXPECT_TRUE((*ring)->find(bob.secret, kNoon));

  ASSERT_TRUE(base::write_file(folder.file(), base::view("keys: [")));
  EXPECT_FALSE((*ring)->reload_if_changed());
  EXPECT_EQ((*ring)->reload_if_changed().value(), false);  // told once
  EXPECT_TRUE((*ring)->find(bob.secret, kNoon));
  std::filesystem::remove(folder.file());
  EXPECT_FALSE((*ring)->reload());
  EXPECT_TRUE((*ring)->find(bob.secret, kNoon));
}

Moment at(double seconds) {
  return {SteadyTime(std::chrono::milliseconds(static_cast<int>(seconds * 1000))),
          kNoon + std::chrono::seconds(static_cast<int>(seconds))};
}

TEST(Ledger, RequestsAMinute) {
  Ledger ledger;
  const Limits limits{6, 0, 0};
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(ledger.admit("a", limits, at(100)));
  const auto refused = ledger.admit("a", limits, at(101));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry_after, 9U);
  EXPECT_THAT(refused.error().error.detail, HasSubstr("6 a minute"));
  EXPECT_TRUE(ledger.admit("b", limits, at(101)));
  EXPECT_TRUE(ledger.admit("a", limits, at(110)));
  EXPECT_FALSE(ledger.admit("a", limits, at(110)));
}

TEST(Ledger, AtOnce) {
  Ledger ledger;
  const Limits limits{0, 0, 2};
  auto first = ledger.admit("a", limits, at(0));
  {
    auto second = ledger.admit("a", limits, at(0));
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(ledger.admit("a", limits, at(0)));
    EXPECT_EQ(ledger.running("a"), 2U);
  }
  EXPECT_EQ(ledger.running("a"), 1U);
  EXPECT_TRUE(ledger.admit("a", limits, at(0)));
  EXPECT_EQ(ledger.running("nobody"), 0U);
}

TEST(Ledger, TokensADayUntilMidnight) {
  Ledger ledger;
  const Limits limits{0, 100, 0};
  {
    auto ticket = ledger.admit("a", limits, at(0));
    ASSERT_TRUE(ticket);
    ticket->spend(99, kNoon);
  }
  {
    auto ticket = ledger.admit("a", limits, at(1));
    ASSERT_TRUE(ticket);  // one is left; what it takes beyond that is booked
    ticket->spend(50, kNoon);
  }
  const auto refused = ledger.admit("a", limits, at(2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry_after, 12U * 3600 - 2);
  EXPECT_FALSE(ledger.admit("a", limits, at(12 * 3600 - 1)));
  EXPECT_TRUE(ledger.admit("a", limits, at(12 * 3600)));
}

}  // namespace
}  // namespace blindbox::keys
