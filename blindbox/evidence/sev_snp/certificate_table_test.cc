// SPDX-License-Identifier: Apache-2.0
// The table of a hostile host.
#include "blindbox/evidence/sev_snp/certificate_table.h"

#include <gtest/gtest.h>

#include <string>

namespace blindbox::evidence::sev_snp {
namespace {

constexpr const char* kVcek = "63da758de6644564adc5f4b93be8accd";
constexpr const char* kAsk = "4ab7b379bbac4fe4a02f05aef327c782";
constexpr const char* kArk = "c0b406a4a803495297433fb6014cd0ae";
constexpr const char* kVlek = "a8074bc2a25a483eaae639c045a0b8a1";
constexpr const char* kCrl = "92f81bc358114d3d97ffd19f88dc67ea";
constexpr const char* kOther = "00112233445566778899aabbccddeeff";

void append(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }

Bytes entry(const std::string& guid, std::uint32_t offset, std::uint32_t length) {
  Bytes out = base::from_hex(guid).value();
  for (const std::uint32_t value : {offset, length}) {
    for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(value >> shift));
  }
  return out;
}

// A DER SEQUENCE of one INTEGER.
Bytes der(unsigned value) {
  return {std::byte{0x30}, std::byte{3}, std::byte{2}, std::byte{1}, static_cast<std::byte>(value)};
}

// Entries one after the other, the end mark, the contents.
Bytes table(const std::vector<std::pair<std::string, Bytes>>& parts) {
  Bytes out;
  auto offset = static_cast<std::uint32_t>((parts.size() + 1) * 24);
  for (const auto& [guid, content] : parts) {
    append(out, entry(guid, offset, static_cast<std::uint32_t>(content.size())));
    offset += static_cast<std::uint32_t>(content.size());
  }
  append(out, Bytes(24));
  for (const auto& part : parts) append(out, part.second);
  return out;
}

TEST(CertificateTable, HandsOutWhatItKnowsAndSkipsTheRest) {
  const auto parsed = parse_certificate_table(
      table({{kVcek, der(1)}, {kOther, Bytes(3)}, {kAsk, der(2)}, {kArk, der(3)}, {kCrl, der(4)}}));
  ASSERT_TRUE(parsed) << base::to_string(parsed.error());
  EXPECT_EQ(parsed->certificates, (std::vector<Bytes>{der(1), der(2), der(3)}));
  EXPECT_EQ(parsed->crls, (std::vector<Bytes>{der(4)}));
  EXPECT_EQ(parse_certificate_table(table({{kVlek, der(9)}}))->certificates, (std::vector<Bytes>{der(9)}));
}

TEST(CertificateTable, NothingOfferedIsNoError) {
  for (const std::size_t size : {0U, 24U, 4096U, 16384U}) {
    const auto parsed = parse_certificate_table(Bytes(size));
    ASSERT_TRUE(parsed) << size;
    EXPECT_TRUE(parsed->certificates.empty());
  }
}

TEST(CertificateTable, ReadsPemAsWell) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\n" + base::to_base64(der(5)) + "\n-----END CERTIFICATE-----\n";
  const auto parsed = parse_certificate_table(table({{kAsk, base::to_bytes(base::view(pem + pem))}}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->certificates, (std::vector<Bytes>{der(5), der(5)}));
}

TEST(CertificateTable, EveryTruncationIsRefused) {
  const Bytes whole = table({{kVcek, der(1)}, {kAsk, der(2)}});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_certificate_table(ByteView(whole).first(size))) << size;
  }
}

TEST(CertificateTable, EntriesThatPointElsewhereAreRefused) {
  const auto with = [](std::uint32_t offset, std::uint32_t length) {
    Bytes out = entry(kVcek, offset, length);
    append(out, Bytes(24));
    append(out, der(1));  // at 48, 5 bytes
    const auto parsed = parse_certificate_table(out);
    return parsed ? "accepted" : parsed.error().kind == ErrorKind::malformed ? "malformed" : "another error";
  };
  EXPECT_STREQ(with(48, 5), "accepted");
  EXPECT_STREQ(with(48, 6), "malformed");
  EXPECT_STREQ(with(49, 5), "malformed");
  EXPECT_STREQ(with(48, 4), "malformed");
  EXPECT_STREQ(with(48, 0), "malformed");
  EXPECT_STREQ(with(53, 0), "malformed");
  EXPECT_STREQ(with(54, 0), "malformed");
  EXPECT_STREQ(with(47, 5), "malformed");
  EXPECT_STREQ(with(0, 53), "malformed");
  EXPECT_STREQ(with(0xFFFFFFFF, 5), "malformed");
  EXPECT_STREQ(with(48, 0xFFFFFFFF), "malformed");
  EXPECT_STREQ(with(0xFFFFFFFF, 0xFFFFFFFF), "malformed");
}

TEST(CertificateTable, AnUnknownEntryMayNotPointElsewhereEither) {
  Bytes out = entry(kOther, 48, 1);
  append(out, Bytes(24));
  EXPECT_FALSE(parse_certificate_table(out));
}

TEST(CertificateTable, RefusesGarbageDoublesAndExcess) {
  EXPECT_FALSE(parse_certificate_table(table({{kVcek, Bytes(64, std::byte{0xff})}})));
  EXPECT_FALSE(parse_certificate_table(table({{kVcek, der(1)}, {kVcek, der(2)}})));
  EXPECT_FALSE(parse_certificate_table(Bytes(4096, std::byte{0xff})));
  Bytes indefinite = der(1);
  indefinite[1] = std::byte{0x80};
  EXPECT_FALSE(parse_certificate_table(table({{kVcek, indefinite}})));
  EXPECT_EQ(parse_certificate_table(Bytes(kCertificateTableCap + 1)).error().kind, ErrorKind::limit);
  EXPECT_TRUE(parse_certificate_table(Bytes(kCertificateTableCap)));
  const auto many = [](unsigned count) {
    std::vector<std::pair<std::string, Bytes>> parts;
    for (unsigned i = 0; i < count; ++i) {
      std::string guid = kOther;
      guid[0] = "0123456789abcdef"[i % 16];
      guid[1] = "0123456789abcdef"[i / 16];
      parts.emplace_back(guid, der(i));
    }
    return parse_certificate_table(table(parts));
  };
  EXPECT_TRUE(many(32));
  EXPECT_EQ(many(33).error().kind, ErrorKind::limit);
}

TEST(CertificateTable, RefusesPemOfAnotherKind) {
  const auto pem = [](const std::string& kind, ByteView content) {
    return "-----BEGIN " + kind + "-----\n" + base::to_base64(content) + "\n-----END " + kind + "-----\n";
  };
  const auto parse = [](const std::string& text) {
    return parse_certificate_table(table({{kAsk, base::to_bytes(base::view(text))}})).has_value();
  };
  const std::string good = pem("CERTIFICATE", der(1));
  EXPECT_TRUE(parse(good));
  EXPECT_FALSE(parse(good + pem("PRIVATE KEY", der(1))));
  EXPECT_FALSE(parse(pem("CERTIFICATE", Bytes(5))));
  EXPECT_FALSE(parse(good + good.substr(0, good.size() - 10))) << "a block that does not end";
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += good;
  EXPECT_FALSE(parse(nine));
  EXPECT_TRUE(parse(nine.substr(good.size())));
}

}  // namespace
}  // namespace blindbox::evidence::sev_snp
