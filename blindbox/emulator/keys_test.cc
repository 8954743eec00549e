// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/keys.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "blindbox/base/digest.h"
#include "blindbox/base/file.h"
#include "blindbox/emulator/testing.h"

namespace blindbox::emulator {
namespace {

class KeyFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "blindbox-keys-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(KeyFolder, KeepsOneSetForItsUserAlone) {
  const auto made = load_or_generate_keys(folder_);
  ASSERT_TRUE(made) << base::to_string(made.error());
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    EXPECT_EQ(entry.status().permissions(), std::filesystem::perms(0600)) << entry.path();
  }
  EXPECT_EQ(std::filesystem::status(folder_).permissions(), std::filesystem::perms(0700));
  EXPECT_EQ(fingerprint(load_or_generate_keys(folder_).value()), fingerprint(*made));
  // A second writer loses: its set does not replace the first.
  const std::string kept = fingerprint(*made);
  Keys swapped = load_keys(folder_).value();
  std::swap(swapped.ark, swapped.ask);
  EXPECT_TRUE(save_keys(swapped, folder_));
  EXPECT_EQ(fingerprint(load_keys(folder_).value()), kept);

  ASSERT_TRUE(base::write_file(folder_ + "/vcek.pem", base::view("rubbish"), 0600));
  EXPECT_EQ(load_or_generate_keys(folder_).error().kind, ErrorKind::malformed);
  std::filesystem::copy_file(folder_ + "/ark.pem", folder_ + "/vcek.pem",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(load_or_generate_keys(folder_).error().kind, ErrorKind::malformed) << "RSA where EC belongs";
  std::filesystem::remove(folder_ + "/vcek.pem");
  EXPECT_FALSE(load_or_generate_keys(folder_)) << "a partial set is not completed";
  std::filesystem::permissions(folder_ + "/ark.pem", std::filesystem::perms(0644));
  EXPECT_EQ(load_or_generate_keys(folder_).error().kind, ErrorKind::io) << "readable by others";
}

TEST_F(KeyFolder, ThatCannotBeMadeIsAnError) {
  EXPECT_EQ(load_or_generate_keys("/proc/blindbox-keys").error().kind, ErrorKind::io);
}

TEST(Keys, AreFreshEachTimeAndTheFingerprintIsTheArksSpki) {
  const auto one = generate_keys().value();
  EXPECT_EQ(fingerprint(one).size(), 64U);
  EXPECT_NE(fingerprint(one), test_processor()->fingerprint());
  const Bytes der = test_processor()->certificates(Guest())[2];
  const unsigned char* at = base::uchars(der);
  const openssl::Certificate ark(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  unsigned char* spki = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ark.get()), &spki);
  const auto digest = base::sha256(std::as_bytes(std::span(spki, static_cast<std::size_t>(length))));
  OPENSSL_free(spki);
  EXPECT_EQ(base::to_hex(digest), test_processor()->fingerprint());
}

}  // namespace
}  // namespace blindbox::emulator
