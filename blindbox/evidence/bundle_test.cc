// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/evidence/cbor.h"

namespace blindbox::evidence {
namespace {

using testing::HasSubstr;

Bytes bytes(std::string_view hex) { return base::from_hex(hex).value(); }
Bytes filled(std::size_t size) { return Bytes(size, std::byte{7}); }

std::string problem(const Bytes& cbor) {
  const auto bundle = decode_bundle(cbor);
  if (bundle) return "accepted";
  EXPECT_EQ(bundle.error().kind, ErrorKind::malformed);
  return bundle.error().what + ": " + bundle.error().detail;
}

Bundle full() {
  Bundle bundle;
  bundle.primary = {.report = filled(1184),
                    .certificates = {filled(3), filled(300)},
                    .crls = {filled(70'000)},
                    .uvm_endorsement = filled(5)};
  bundle.path = {.tree_size = 5, .leaf_index = 1, .siblings = {{}, {}, {}}};
  bundle.path.siblings[1][0] = std::byte{9};
  bundle.secondary = filled(6);
  bundle.manifest = filled(24);
  bundle.hpke = filled(8);
  return bundle;
}

// {1: "sev-snp", 2: h'01', 7: {1: 1, 2: 0, 3: []}, 8: h'02'}, in pieces that tests replace.
const std::string kPlatformField = "01677365762d736e70";
const std::string kPathField =
    "07a301010200"
    "0380";
const std::string kSmallest = "a4" + kPlatformField + "024101" + kPathField + "084102";

TEST(Bundle, KnownAnswer) {
  Bundle bundle;
  bundle.primary.report = bytes("01");
  bundle.manifest = bytes("02");
  EXPECT_EQ(base::to_hex(encode_bundle(bundle)), kSmallest);
}

TEST(Bundle, ReadsBackAsTheSame) {
  for (const Bundle& bundle : {full(), decode_bundle(bytes(kSmallest)).value()}) {
    const Bytes cbor = encode_bundle(bundle);
    const auto again = decode_bundle(cbor);
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->primary.report, bundle.primary.report);
    EXPECT_EQ(again->primary.certificates, bundle.primary.certificates);
    EXPECT_EQ(again->primary.crls, bundle.primary.crls);
    EXPECT_EQ(again->primary.uvm_endorsement, bundle.primary.uvm_endorsement);
    EXPECT_EQ(again->path.tree_size, bundle.path.tree_size);
    EXPECT_EQ(again->path.leaf_index, bundle.path.leaf_index);
    EXPECT_EQ(again->path.siblings, bundle.path.siblings);
    EXPECT_EQ(again->secondary, bundle.secondary);
    EXPECT_EQ(again->manifest, bundle.manifest);
    EXPECT_EQ(again->hpke, bundle.hpke);
    EXPECT_EQ(encode_bundle(*again), cbor);
  }
}

TEST(Bundle, EveryTruncationIsRefused) {
  const Bytes cbor = encode_bundle(full());
  for (std::size_t size = 0; size < cbor.size(); size += size < 1300 ? 1 : 997) {
    EXPECT_FALSE(decode_bundle(ByteView(cbor).first(size))) << size;
  }
}

TEST(Bundle, RefusesWhatIsNotExactlyABundle) {
  struct Row {
    std::string hex;
    const char* why;
  };
  const std::string kHead = kPlatformField + "024101";
  for (const Row& row : {
           Row{kSmallest + "00", "trailing bytes"},
           Row{"a5" + kHead + "024101" + kPathField + "084102", "duplicate key 2"},
           Row{"a5" + kHead + kPathField + "084102" + "0a4103", "unknown key 10"},
           Row{"a5" + std::string("004101") + kHead + kPathField + "084102", "unknown key 0"},
           Row{"a4024101" + kPlatformField + kPathField + "084102", "keys out of order"},
           Row{"a3" + kHead + kPathField, "key 8 is missing"},
           Row{"a3" + kHead + "084102", "key 7 is missing"},
           Row{"a3" + kPlatformField + kPathField + "084102", "key 2 is missing"},
           Row{"a3024101" + kPathField + "084102", "key 1 is missing"},
           Row{"a0", "key 1 is missing"},
           Row{"bf" + kHead + kPathField + "084102ff", "indefinite length"},
           Row{"a4" + kPlatformField + "025f4101ff" + kPathField + "084102", "indefinite length"},
           Row{"a4" + kPlatformField + "026161" + kPathField + "084102", "expected a byte string"},
           Row{"a4" + kPlatformField + "02f6" + kPathField + "084102", "expected a byte string"},
           Row{"a4" + kPlatformField + "02580101" + kPathField + "084102", "shortest form"},
           Row{"a4" + kPlatformField + "025b000000000000000101" + kPathField + "084102", "shortest form"},
           Row{"a4" + kPlatformField + "025bffffffffffffffff01" + kPathField + "084102", "truncated"},
           Row{"a4" + kPlatformField + "025c01" + kPathField + "084102", "a reserved length"},
           Row{"a4" + std::string("01637464780241") + "01" + kPathField + "084102", "an unknown platform"},
           Row{"a4" + std::string("0161ff") + "024101" + kPathField + "084102", "not UTF-8"},
           Row{"a4" + std::string("616101") + "024101" + kPathField + "084102", "an unsigned integer as a key"},
           Row{"a5" + kHead + "0380" + kPathField + "084102", "an empty list"},
           Row{"a5" + kHead + "0540" + kPathField + "084102", "an empty value"},
           Row{"a5" + kHead + "03981a" + std::string(52, '0'), "expected a byte string"},
           Row{"a5" + kHead + "039affffffff", "truncated"},
           Row{"9affffffff", "expected a map"},
           Row{"bb7fffffffffffffff", "truncated"},
           Row{"", "truncated"},
       }) {
    EXPECT_THAT(problem(bytes(row.hex)), HasSubstr(row.why)) << row.hex;
  }
}

TEST(Bundle, RefusesPathsThatDoNotFitTheirTree) {
  const auto with_path = [](const std::string& path) {
    return bytes("a4" + kPlatformField + "024101" + "07" + path + "084102");
  };
  EXPECT_EQ(problem(with_path("a3010102000380")), "accepted");
  EXPECT_THAT(problem(with_path("a3010002000380")), HasSubstr("outside the tree"));
  EXPECT_THAT(problem(with_path("a3010102010380")), HasSubstr("outside the tree"));
  EXPECT_THAT(problem(with_path("a3010202000380")), HasSubstr("another length"));
  EXPECT_THAT(problem(with_path("a301010200038140")), HasSubstr("another length"));
  EXPECT_THAT(problem(with_path("a301020200038140")), HasSubstr("64 bytes"));
  EXPECT_THAT(problem(with_path("a3011a0001000102000380")), HasSubstr("more than 65536"));
  EXPECT_THAT(problem(with_path("a20101"
                                "0200")),
              HasSubstr("keys 1, 2 and 3"));
  EXPECT_THAT(problem(with_path("a3010102000480")), HasSubstr("keys 1, 2 and 3"));
  EXPECT_THAT(problem(with_path("a3010101000380")), HasSubstr("duplicate key 1"));
}

TEST(Bundle, IsRefusedOverTheCapBeforeDecoding) {
  EXPECT_THAT(problem(Bytes(kBundleCap + 1)), HasSubstr("larger than 1048576 bytes"));
  EXPECT_THAT(problem(Bytes(kBundleCap)), HasSubstr("expected a map"));
}

TEST(Bundle, ListsHaveAtMost32Entries) {
  Bundle bundle = full();
  bundle.primary.certificates.assign(32, filled(1));
  EXPECT_EQ(problem(encode_bundle(bundle)), "accepted");
  bundle.primary.certificates.push_back(filled(1));
  EXPECT_THAT(problem(encode_bundle(bundle)), HasSubstr("more than 32 entries"));
}

// RFC 9162 section 2.1.3.1, counted by its recursive definition.
std::size_t recursive_length(std::uint32_t size, std::uint32_t index) {
  if (size == 1) return 0;
  std::uint32_t split = 1;
  while (split * 2 < size) split *= 2;
  return 1 + (index < split ? recursive_length(split, index) : recursive_length(size - split, index - split));
}

TEST(PathLength, IsThatOfTheRecursiveDefinition) {
  for (std::uint32_t size = 1; size <= 70; ++size) {
    for (std::uint32_t index = 0; index < size; ++index) {
      EXPECT_EQ(path_length(size, index), recursive_length(size, index)) << index << " of " << size;
    }
  }
  EXPECT_EQ(path_length(65536, 0), 16U);
  EXPECT_EQ(path_length(65535, 65534), recursive_length(65535, 65534));
}

}  // namespace
}  // namespace blindbox::evidence
