// SPDX-License-Identifier: Apache-2.0
// Reports that a program took apart: the versions of Rust's sev crate, as trustee's evidence carries them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/intake/testing.h"

namespace blindbox::intake {
namespace {

using emulator::Guest;
using emulator::Product;
using nlohmann::json;

struct Crate {
  bool first;  // its first versions, with reserved bytes and without Turin
  bool hex;    // arrays as text, as some that wrap it write
};

json bytes(const Bytes& report, std::size_t at, std::size_t size, const Crate& crate) {
  const ByteView view = ByteView(report).subspan(at, size);
  if (crate.hex) return base::to_hex(view);
  json out = json::array();
  for (const std::byte b : view) out.push_back(std::to_integer<unsigned>(b));
  return out;
}

std::uint64_t number(const Bytes& report, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(report[at + i]);
  return value;
}

json tcb(const Bytes& report, std::size_t at, bool turin, const Crate& crate) {
  const auto part = [&](std::size_t index) { return number(report, at + index, 1); };
  if (crate.first) {
    return {{"bootloader", part(0)},
            {"tee", part(1)},
            {"_reserved", bytes(report, at + 2, 4, crate)},
            {"snp", part(6)},
            {"microcode", part(7)}};
  }
  if (turin)
    return {{"fmc", part(0)}, {"bootloader", part(1)}, {"tee", part(2)}, {"snp", part(3)}, {"microcode", part(7)}};
  return {{"fmc", nullptr}, {"bootloader", part(0)}, {"tee", part(1)}, {"snp", part(6)}, {"microcode", part(7)}};
}

json version(const Bytes& report, std::size_t at) {
  return {{"build", number(report, at, 1)}, {"minor", number(report, at + 1, 1)}, {"major", number(report, at + 2, 1)}};
}

json fields(const Bytes& report, bool turin, const Crate& crate) {
  const auto array = [&](std::size_t at, std::size_t size) { return bytes(report, at, size, crate); };
  json out = {{"version", number(report, 0, 4)},
              {"guest_svn", number(report, 4, 4)},
              {"policy", number(report, 8, 8)},
              {"family_id", array(0x10, 16)},
              {"image_id", array(0x20, 16)},
              {"vmpl", number(report, 0x30, 4)},
              {"sig_algo", number(report, 0x34, 4)},
              {"current_tcb", tcb(report, 0x38, turin, crate)},
              {"plat_info", number(report, 0x40, 8)},
              {"report_data", array(0x50, 64)},
              {"measurement", array(0x90, 48)},
              {"host_data", array(0xC0, 32)},
              {"id_key_digest", array(0xE0, 48)},
              {"author_key_digest", array(0x110, 48)},
              {"report_id", array(0x140, 32)},
              {"report_id_ma", array(0x160, 32)},
              {"reported_tcb", tcb(report, 0x180, turin, crate)},
              {"chip_id", array(0x1A0, 64)},
              {"committed_tcb", tcb(report, 0x1E0, turin, crate)},
              {"launch_tcb", tcb(report, 0x1F0, turin, crate)},
              {"signature", {{"r", array(0x2A0, 72)}, {"s", array(0x2E8, 72)}}}};
  if (crate.first) {
    out.update({{"_author_key_en", number(report, 0x48, 4)},
                {"_reserved_0", 0},
                {"_reserved_1", array(0x188, 24)},
                {"current_build", number(report, 0x1E8, 1)},
                {"current_minor", number(report, 0x1E9, 1)},
                {"current_major", number(report, 0x1EA, 1)},
                {"_reserved_2", 0},
                {"committed_build", number(report, 0x1EC, 1)},
                {"committed_minor", number(report, 0x1ED, 1)},
                {"committed_major", number(report, 0x1EE, 1)},
                {"_reserved_3", 0},
                {"_reserved_4", array(0x1F8, 168)}});
    out["signature"]["_reserved"] = array(0x330, 368);
    return out;
  }
  const bool v3 = number(report, 0, 4) >= 3, v5 = number(report, 0, 4) >= 5;
  const auto optional = [](bool there, std::uint64_t value) { return there ? json(value) : json(nullptr); };
  out.update({{"key_info", number(report, 0x48, 4)},
              {"current", version(report, 0x1E8)},
              {"committed", version(report, 0x1EC)},
              {"cpuid_fam_id", optional(v3, number(report, 0x188, 1))},
              {"cpuid_mod_id", optional(v3, number(report, 0x189, 1))},
              {"cpuid_step", optional(v3, number(report, 0x18A, 1))},
              {"launch_mit_vector", optional(v5, number(report, 0x1F8, 8))},
              {"current_mit_vector", optional(v5, number(report, 0x200, 8))}});
  return out;
}

Result<Intake> read(const json& root) { return read_blobs({{"it", testing::bytes_of(root.dump())}}); }

TEST(ReportFields, GiveTheSameBytesAgain) {
  for (const auto& [product, report_version] :
       {std::pair{Product::milan, 2U}, {Product::genoa, 3U}, {Product::turin, 5U}}) {
    Guest guest;
    guest.product = product;
    guest.version = report_version;
    guest.host_data[3] = std::byte{7};
    const Bytes report = emulator::test_processor()->report(guest, ByteArray<64>{std::byte{1}});
    for (const Crate crate : {Crate{true, false}, Crate{false, false}, Crate{false, true}}) {
      const json object = fields(report, product == Product::turin, crate);
      for (const json& root :
           {object, json{{"attestation_report", object}, {"cert_chain", nullptr}}, json{{"report", object}}}) {
        const auto intake = read(root);
        ASSERT_TRUE(intake) << intake.error().what;
        EXPECT_EQ(intake->evidence.report, report) << report_version << crate.first << crate.hex;
      }
    }
  }
}

TEST(ReportFields, ComeWithTheChainOfTheHostsTable) {
  const evidence::Evidence& genuine = testing::genuine();
  json chain = json::array();
  for (const Bytes& der : genuine.certificates) {
    chain.push_back({{"cert_type", "VCEK"}, {"data", bytes(der, 0, der.size(), {false, false})}});
  }
  chain.push_back({{"cert_type", {{"OTHER", "12345678-1234-1234-1234-123456789abc"}}}, {"data", json::array()}});
  const auto intake =
      read({{"attestation_report", fields(genuine.report, false, {false, false})}, {"cert_chain", chain}});
  ASSERT_TRUE(intake) << intake.error().what;
  EXPECT_EQ(intake->evidence.report, genuine.report);
  EXPECT_EQ(intake->evidence.certificates, genuine.certificates);
}

TEST(ReportFields, AreAllNeededAndMustFit) {
  const json good = fields(testing::genuine().report, false, {false, false});
  for (const char* name : {"version", "policy", "vmpl", "report_data", "current_tcb", "launch_tcb", "host_data"}) {
    json object = good;
    object.erase(name);
    const auto refused = read(object);
    ASSERT_FALSE(refused) << name;
    EXPECT_THAT(refused.error().what, ::testing::HasSubstr(std::string(name) + " is missing"));
  }
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, json>>{{"version", std::uint64_t{1} << 32},
                                                           {"version", -1},
                                                           {"version", 2.5},
                                                           {"vmpl", "0"},
                                                           {"cpuid_step", 256},
                                                           {"report_data", json::array({1, 2})},
                                                           {"report_data", "zz"},
                                                           {"chip_id", 7},
                                                           {"launch_tcb", "01"},
                                                           {"current", 7},
                                                           {"signature", {{"r", json::array()}}}}) {
    json object = good;
    object[name] = value;
    const auto refused = read(object);
    ASSERT_FALSE(refused) << name << value;
    EXPECT_EQ(refused.error().kind, ErrorKind::malformed) << name << value;
  }
}

}  // namespace
}  // namespace blindbox::intake
