// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/accept.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "blindbox/base/file.h"
#include "blindbox/release/testing.h"

namespace blindbox::release {
namespace {

using testing::day;
using ::testing::HasSubstr;
using testing::make_release;
using testing::Publisher;

class Accept : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/blindbox-releases-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] Result<Accepted> take(const std::vector<Release>& releases, int now = 1) const {
    std::vector<NamedText> texts;
    for (const Release& release : releases) texts.push_back(publisher_.release_text(release));
    return accept(publisher_.root_text(), texts, folder_, day(now));
  }
  static void refused(const Result<Accepted>& result, ErrorKind kind, const std::string& text) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, kind) << result.error().what;
    EXPECT_THAT(result.error().what + " " + result.error().detail, HasSubstr(text));
  }
  [[nodiscard]] std::string state_path() const { return folder_ + "/" + base::to_hex(publisher_.root.id) + ".json"; }

  Publisher publisher_;
  std::string folder_;
};

TEST_F(Accept, AReleaseThatEnoughSigned) {
  const auto accepted = take({make_release(5)});
  ASSERT_TRUE(accepted) << accepted.error().what;
  EXPECT_EQ(accepted->releases.front(), make_release(5));
  EXPECT_EQ(accepted->root, publisher_.root);
  EXPECT_TRUE(take({make_release(5)})) << "the same again";
}

TEST_F(Accept, OneSignatureIsNotEnough) {
  const auto one = accept(publisher_.root_text(), {publisher_.release_text(make_release(5), {2})}, folder_, day(1));
  refused(one, ErrorKind::not_authentic, "1 have signed, version 1 asks for 2");
  refused(accept(publisher_.root_text({0}), {publisher_.release_text(make_release(5))}, folder_, day(1)),
          ErrorKind::not_authentic, "root.json has too few");
  EXPECT_FALSE(std::filesystem::exists(state_path())) << "nothing is remembered of what was refused";
}

TEST_F(Accept, StrangersSignaturesDoNotCount) {
  const Publisher stranger;
  refused(accept(publisher_.root_text(), {stranger.release_text(make_release(5))}, folder_, day(1)),
          ErrorKind::not_authentic, "0 have signed");
}

TEST_F(Accept, ARootIsNoReleaseAndTheOtherWayRound) {
  refused(accept(publisher_.root_text(), {publisher_.root_text()}, folder_, day(1)), ErrorKind::malformed,
          "no release");
  const auto release = publisher_.release_text(make_release(5));
  refused(accept(release, {release}, folder_, day(1)), ErrorKind::malformed, "no trust root");
}

TEST_F(Accept, NothingIsTakenFromTheFuture) {
  Release early = make_release(9);
  early.created = day(1) + kClockSkew;
  EXPECT_TRUE(take({early})) << "clocks differ";
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directory(folder_);
  early.created += std::chrono::seconds(1);
  refused(take({early}), ErrorKind::not_acceptable, "was made in the future it says 2024-10-05T00:10:01Z");
  EXPECT_TRUE(take({make_release(5)})) << "its epoch was not remembered";
}

TEST_F(Accept, TimeEndsBoth) {
  EXPECT_TRUE(take({make_release(5)}, 89));
  refused(take({make_release(5)}, 90), ErrorKind::not_acceptable, "release.json has expired");
  Release late = make_release(5);
  late.expires = day(1000);
  refused(take({late}, 400), ErrorKind::not_acceptable, "root.json has expired");
}

TEST_F(Accept, AnOlderReleaseIsRefusedOnceANewerWasSeen) {
  ASSERT_TRUE(take({make_release(6)}));
  refused(take({make_release(5)}), ErrorKind::forbidden, "epoch 5, seen was 6");
  const auto both = take({make_release(5), make_release(6)});
  ASSERT_TRUE(both) << "while an upgrade rolls";
  EXPECT_EQ(both->releases.front().epoch, 6U);
  ASSERT_TRUE(take({make_release(7, 6)}));
  refused(take({make_release(7, 6), make_release(5)}), ErrorKind::forbidden, "epoch 5, the least is 6");
  // Also where the newest no longer says so.
  refused(take({make_release(8), make_release(5)}), ErrorKind::forbidden, "the least is 6");
  Release other = make_release(1);
  other.name = "another";
  EXPECT_TRUE(take({other})) << "each application counts for itself";
}

TEST_F(Accept, OneApplicationAtATime) {
  Release other = make_release(6);
  other.name = "another";
  refused(take({make_release(6), other}), ErrorKind::usage, "two applications");
  refused(accept(publisher_.root_text(), {}, folder_, day(1)), ErrorKind::usage, "no release");
}

TEST_F(Accept, ARotationIsSignedByOldAndNew) {
  ASSERT_TRUE(take({make_release(5)}));
  Publisher next = publisher_;
  next.root.version = 2;
  const std::string revoked = key_id(next.keys[0]->public_key());
  next.keys[0] = testing::make_key();
  next.root.keys.erase(revoked);
  next.root.revoked.insert(revoked);
  next.root.keys.emplace(key_id(next.keys[0]->public_key()), next.keys[0]->public_key());
  const auto release = next.release_text(make_release(5), {0, 1});

  // Enough of the new, too few of the old: keys 0 (new) and 1 (both).
  refused(accept(next.root_text({0, 1}), {release}, folder_, day(1)), ErrorKind::not_authentic,
          "too few signatures of the version that is trusted");
  const auto rotated = accept(next.root_text({1, 2}), {release}, folder_, day(1));
  ASSERT_TRUE(rotated) << rotated.error().what;
  // The old root, and releases that only the revoked key helped to sign, are over.
  refused(take({make_release(5)}), ErrorKind::forbidden, "version 1, seen was 2");
  refused(accept(next.root_text({1, 2}), {publisher_.release_text(make_release(5), {0, 1})}, folder_, day(1)),
          ErrorKind::not_authentic, "1 have signed, version 2");
  // A revoked key never comes back, nor is the revocation forgotten.
  Publisher third = next;
  third.root.version = 3;
  third.root.revoked.clear();
  refused(accept(third.root_text({1, 2}), {release}, folder_, day(1)), ErrorKind::not_authentic,
          "takes a revocation back");
}

TEST_F(Accept, TwoRootsOfOneVersionAreAnAttack) {
  ASSERT_TRUE(take({make_release(5)}));
  Publisher twin = publisher_;
  twin.root.expires = day(500);
  refused(accept(twin.root_text(), {twin.release_text(make_release(5))}, folder_, day(1)), ErrorKind::not_authentic,
          "another version 1");
  Publisher stranger;
  stranger.root.version = 9;
  refused(accept(stranger.root_text(), {stranger.release_text(make_release(9))}, folder_, day(1)),
          ErrorKind::not_authentic, "0 of the keys have signed");
}

TEST_F(Accept, ABrokenMemoryIsNoFreshStart) {
  ASSERT_TRUE(take({make_release(6)}));
  ASSERT_TRUE(base::write_file(state_path(), base::view("{}")));
  refused(take({make_release(5)}), ErrorKind::io, "is not as it was written");
  ASSERT_TRUE(base::write_file(state_path(), base::view("")));
  EXPECT_FALSE(take({make_release(6)}));
  std::filesystem::remove(state_path());
  std::filesystem::create_directory(state_path());
  EXPECT_FALSE(take({make_release(6)}));
}

TEST_F(Accept, ManyAtOnceKeepTheHighest) {
  std::vector<std::thread> threads;
  for (std::uint64_t epoch = 1; epoch <= 16; ++epoch) {
    threads.emplace_back([this, epoch] { (void)take({make_release(epoch)}); });
  }
  for (std::thread& thread : threads) thread.join();
  refused(take({make_release(15)}), ErrorKind::forbidden, "seen was 16");
}

TEST(TrustRoot, RulesThatNoSignatureMends) {
  const Publisher publisher;
  const auto problem = [&publisher](auto&& change) {
    TrustRoot root = publisher.root;
    change(root);
    const auto read = decode_trust_root({.body = encode(root)}, "root.json");
    return read ? std::string() : read.error().what;
  };
  EXPECT_EQ(problem([](TrustRoot& /*root*/) {}), "");
  EXPECT_THAT(problem([](TrustRoot& root) { root.threshold = 1; }), HasSubstr("fewer than two"));
  EXPECT_THAT(problem([](TrustRoot& root) { root.threshold = 4; }), HasSubstr("more signatures than it lists keys"));
  EXPECT_THAT(problem([](TrustRoot& root) { root.version = 0; }), HasSubstr("version is 0"));
  EXPECT_THAT(problem([](TrustRoot& root) { root.revoked.insert(root.keys.begin()->first); }), HasSubstr("revokes"));
}

TEST(Release, RulesThatNoSignatureMends) {
  const auto problem = [](auto&& change) {
    Release release = make_release(5);
    change(release);
    const auto read = decode_release({.body = encode(release)}, "release.json");
    return read ? std::string() : read.error().what;
  };
  EXPECT_EQ(problem([](Release& /*release*/) {}), "");
  EXPECT_THAT(problem([](Release& release) { release.epoch = 0; }), HasSubstr("epoch is 0"));
  EXPECT_THAT(problem([](Release& release) { release.minimum_epoch = 6; }), HasSubstr("above its own"));
  EXPECT_THAT(problem([](Release& release) { release.expires = release.created; }), HasSubstr("ends before"));
  EXPECT_THAT(problem([](Release& release) { release.name = "a\x1b[31m"; }), HasSubstr("name"));
  EXPECT_THAT(problem([](Release& release) { release.platforms.clear(); }), HasSubstr("no platform"));
  EXPECT_THAT(problem([](Release& release) { release.platforms["azure-aci"].host_data.clear(); }),
              HasSubstr("host data"));
  EXPECT_THAT(problem([](Release& release) { release.platforms["moon"]; }), HasSubstr("no platform moon"));
  EXPECT_THAT(problem([](Release& release) { release.platforms["sev-snp"]; }), HasSubstr("no measurement"));
  EXPECT_THAT(problem([](Release& release) { release.image = "latest"; }), HasSubstr("digest"));
  EXPECT_THAT(problem([](Release& release) { release.epoch = std::uint64_t{1} << 60; }), HasSubstr("epoch"));
}

}  // namespace
}  // namespace blindbox::release
