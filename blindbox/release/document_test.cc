// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/document.h"

#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/release/testing.h"

namespace blindbox::release {
namespace {

using ::testing::HasSubstr;
using testing::Publisher;

template <std::size_t N>
ByteArray<N> hex(const std::string& text) {
  ByteArray<N> out{};
  std::ranges::copy(base::from_hex(text).value(), out.begin());
  return out;
}

// RFC 8032, section 7.1, test 3.
TEST(ReleaseKey, VerifiesAsTheStandardSays) {
  const auto key = hex<32>("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
  auto signature = hex<64>(
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
      "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
  const Bytes message = base::from_hex("af82").value();
  EXPECT_TRUE(verify(key, message, signature));
  EXPECT_FALSE(verify(key, base::view("af82"), signature));
  signature[63] ^= std::byte{0x10};  // S past the group's order
  EXPECT_FALSE(verify(key, message, signature));
}

TEST(ReleaseKey, ReadsBackWhatItWrote) {
  const auto key = SigningKey::generate().value();
  const auto again = SigningKey::read(base::view(key.pem().value()), "k");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_EQ(read_public_key(base::view(write_public_key(key.public_key())), "k").value(), key.public_key());
  EXPECT_EQ(again->sign(base::view("m")).value(), key.sign(base::view("m")).value());
}

TEST(ReleaseKey, OtherKeysAreRefusedByName) {
  const openssl::PKey rsa(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PUBKEY(bio.get(), rsa.get()), 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  const auto key = read_public_key(base::view(std::string_view(data, static_cast<std::size_t>(size))), "x.pub");
  ASSERT_FALSE(key);
  EXPECT_THAT(key.error().what, HasSubstr("x.pub is no Ed25519 public key"));
  EXPECT_FALSE(SigningKey::read(base::view("rubbish"), "k"));
  EXPECT_FALSE(SigningKey::read({}, "k"));
}

TEST(ReleaseKey, AFileThatOthersReadIsRefused) {
  const std::string path = ::testing::TempDir() + "/blindbox-release-key-" + std::to_string(::getpid());
  ASSERT_TRUE(base::write_file(path, base::view(SigningKey::generate()->pem().value()), 0600));
  EXPECT_TRUE(SigningKey::read_file(path));
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const auto key = SigningKey::read_file(path);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().kind, ErrorKind::forbidden);
  std::filesystem::remove(path);
}

TEST(SignedDocument, ReadsBackEqualWithOrWithoutItsLineEnd) {
  const Publisher publisher;
  const std::string text = write_document(publisher.sign_body(R"({"a":1})", {0, 2}));
  const auto read = read_document(text, "d");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(write_document(*read), text);
  EXPECT_TRUE(read_document(text.substr(0, text.size() - 1), "d"));
  EXPECT_EQ(count_signatures(*read, publisher.root.keys).value(), 2U);
}

TEST(SignedDocument, AnotherFormOfTheSameIsRefused) {
  const std::vector<std::string> bad = {
      "",
      "[]",
      "{}",
      R"({"signatures":{},"signed":[]})",
      R"({"signatures":[],"signed":{}})",
      R"({"signed":{},"signatures":{}})",
      R"({"signatures":{},"signed":{"a": 1}})",
      R"({"signatures":{},"signed":{"b":1,"a":1}})",
      R"({"signatures":{},"signed":{"a":1,"a":1}})",
      R"({"signatures":{},"signed":{"a":1.0e0}})",
      R"({"signatures":{},"signed":{},"more":1})",
      R"({"signatures":{"ab":"cd"},"signed":{}})",
      R"({"signatures":{},"signed":{"a":[[[[[[[[[]]]]]]]]]}})",
      "{\"signatures\":{},\"signed\":{\"a\":\"\xff\"}}",
      "{\"signatures\":{},\"signed\":{}}\n\n",
  };
  for (const std::string& text : bad) {
    const auto read = read_document(text, "d");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::malformed) << text;
  }
  EXPECT_EQ(read_document(std::string(kDocumentCap + 1, ' '), "d").error().kind, ErrorKind::limit);
  EXPECT_FALSE(read_document(std::string(100000, '['), "d"));
}

TEST(SignedDocument, AWrongSignatureIsNoMissingOne) {
  const Publisher publisher;
  Document document = publisher.sign_body(R"({"a":1})", {0, 1});
  document.body = R"({"a":2})";
  const auto count = count_signatures(document, publisher.root.keys);
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().kind, ErrorKind::not_authentic);
  EXPECT_EQ(count_signatures(document, {}).value(), 0U) << "of keys that do not count nothing is asked";
}

}  // namespace
}  // namespace blindbox::release
