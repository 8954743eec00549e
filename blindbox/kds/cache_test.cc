// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "blindbox/base/file.h"
#include "blindbox/emulator/key_distribution.h"
#include "blindbox/emulator/testing.h"
#include "blindbox/kds/testing.h"

namespace blindbox::kds {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::seconds;

const Request kChain{What::chain, SigningKey::vcek, Product::milan};
const Request kList{What::crl, SigningKey::vcek, Product::milan};

std::string from_service(const Request& request) {
  return emulator::answer_key_request(*emulator::test_processor(), {}, {"GET", target(request), {}, ""}).body;
}

Cache::Entry entry(const Request& request, const std::string& body, base::Time fetched) {
  return {read_answer(request, base::view(body)).value(), fetched};
}

class CacheTest : public ::testing::Test {
 protected:
  Result<void> keep(const Request& request, base::Time fetched) {
    const std::string body = from_service(request);
    return Cache(folder()).keep(request, base::view(body), entry(request, body, fetched));
  }
  [[nodiscard]] std::string folder() const { return place_.path() + "/a/b"; }
  [[nodiscard]] std::string file(const Request& request) const { return folder() + "/" + cache_name(request); }

  testing::Folder place_;
  base::Time now_ = base::now();
};

TEST_F(CacheTest, finds_what_another_process_has_kept) {
  EXPECT_FALSE(Cache(folder()).find(kChain));
  ASSERT_TRUE(keep(kChain, now_));
  const auto found = Cache(folder()).find(kChain);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->fetched, now_);
  EXPECT_EQ(found->answer.objects, read_answer(kChain, base::view(from_service(kChain)))->objects);
  EXPECT_FALSE(Cache(folder()).find(kList));
}

TEST_F(CacheTest, is_for_its_user_alone) {
  ASSERT_TRUE(keep(kChain, now_));
  struct stat info {};
  for (const std::string& made : {place_.path() + "/a", folder()}) {
    ASSERT_EQ(::stat(made.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0700U) << made;
  }
  ASSERT_EQ(::stat(file(kChain).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

TEST_F(CacheTest, takes_no_file_that_is_not_as_it_was_written) {
  ASSERT_TRUE(keep(kChain, now_));
  const Bytes whole = base::read_file(file(kChain), 1 << 20).value();
  const auto found_in = [&](const Bytes& contents) {
    std::ofstream(file(kChain), std::ios::binary) << base::as_text(contents);
    return Cache(folder()).find(kChain).has_value();
  };
  EXPECT_TRUE(found_in(whole));
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    Bytes changed = whole;
    changed[at] ^= std::byte{1};
    EXPECT_FALSE(found_in(changed)) << at;
    EXPECT_FALSE(found_in({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at)})) << at;
  }
  Bytes longer = whole;
  longer.push_back(std::byte{'\n'});
  EXPECT_FALSE(found_in(longer));
  EXPECT_FALSE(found_in(Bytes(std::size_t{2} << 20)));
  // The next answer takes its place.
  ASSERT_TRUE(keep(kChain, now_));
  EXPECT_TRUE(Cache(folder()).find(kChain));
}

TEST_F(CacheTest, waits_for_no_pipe_and_replaces_it) {
  ASSERT_TRUE(keep(kChain, now_));
  fs::remove(file(kChain));
  ASSERT_EQ(::mkfifo(file(kChain).c_str(), 0600), 0);
  EXPECT_FALSE(Cache(folder()).find(kChain));
  ASSERT_TRUE(keep(kChain, now_));
  EXPECT_TRUE(Cache(folder()).find(kChain));
}

TEST_F(CacheTest, takes_no_file_under_another_name) {
  ASSERT_TRUE(keep(kChain, now_));
  const Request other{What::chain, SigningKey::vcek, Product::genoa};
  fs::copy_file(file(kChain), file(other));
  EXPECT_FALSE(Cache(folder()).find(other));
}

TEST_F(CacheTest, a_folder_that_cannot_be_written_is_told_and_no_loss) {
  ASSERT_TRUE(base::write_file(place_.path() + "/a", {}));  // a file where the folder would be
  Cache cache(folder());
  const std::string body = from_service(kChain);
  const auto kept = cache.keep(kChain, base::view(body), entry(kChain, body, now_));
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().kind, ErrorKind::io);
  EXPECT_TRUE(cache.find(kChain));  // in memory
}

TEST_F(CacheTest, without_a_folder_there_is_memory) {
  Cache cache("");
  EXPECT_FALSE(cache.find(kChain));
  const std::string body = from_service(kChain);
  ASSERT_TRUE(cache.keep(kChain, base::view(body), entry(kChain, body, now_)));
  EXPECT_TRUE(cache.find(kChain));
  EXPECT_FALSE(Cache("").find(kChain));
}

TEST_F(CacheTest, writers_and_readers_at_once_see_whole_files_alone) {
  ASSERT_TRUE(keep(kChain, now_));
  const std::string body = from_service(kChain);
  std::atomic<int> lost = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) {
        if (i % 2 == 0 && !Cache(folder()).keep(kChain, base::view(body), entry(kChain, body, now_))) ++lost;
        if (!Cache(folder()).find(kChain)) ++lost;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lost, 0);
  std::vector<std::string> files;
  for (const auto& one : fs::directory_iterator(folder())) files.push_back(one.path().filename());
  EXPECT_THAT(files, ::testing::ElementsAre(cache_name(kChain)));
}

TEST_F(CacheTest, lists_age_and_certificates_expire) {
  const std::string body = from_service(kList);
  const auto fresh = [&](base::Time fetched, base::Time now) {
    return is_fresh(kList, entry(kList, body, fetched), now);
  };
  EXPECT_TRUE(fresh(now_, now_));
  EXPECT_TRUE(fresh(now_ - hours(24), now_));
  EXPECT_FALSE(fresh(now_ - hours(24) - seconds(1), now_));
  EXPECT_FALSE(fresh(now_ + seconds(1), now_));
  const base::Time end = entry(kList, body, now_).answer.good_until;
  EXPECT_TRUE(fresh(end - hours(1), end));
  EXPECT_FALSE(fresh(end - hours(1), end + seconds(1)));
  const std::string chain = from_service(kChain);
  const auto old = entry(kChain, chain, now_ - hours(24 * 365));
  EXPECT_TRUE(is_fresh(kChain, old, now_));
  EXPECT_TRUE(is_fresh(kChain, old, old.answer.good_until));
  EXPECT_FALSE(is_fresh(kChain, old, old.answer.good_until + seconds(1)));
}

TEST(CacheFolder, is_the_users) {
  ASSERT_EQ(::setenv("HOME", "/people/somebody", 1), 0);
  ASSERT_EQ(::setenv("XDG_CACHE_HOME", "/caches", 1), 0);
  EXPECT_EQ(default_cache_folder(), "/caches/blindbox/kds");
  ASSERT_EQ(::setenv("XDG_CACHE_HOME", "relative", 1), 0);
  EXPECT_EQ(default_cache_folder(), "/people/somebody/.cache/blindbox/kds");
  ASSERT_EQ(::unsetenv("XDG_CACHE_HOME"), 0);
  EXPECT_EQ(default_cache_folder(), "/people/somebody/.cache/blindbox/kds");
  ASSERT_EQ(::unsetenv("HOME"), 0);
  EXPECT_EQ(default_cache_folder(), "");
}

}  // namespace
}  // namespace blindbox::kds
