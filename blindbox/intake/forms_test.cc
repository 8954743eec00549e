// SPDX-License-Identifier: Apache-2.0
// One case in every form: it is recognised, and what comes of it is the case.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "blindbox/evidence/bundle.h"
#include "tests/intake/testing.h"

namespace blindbox::intake {
namespace {

using testing::bytes_of;
using testing::genuine;
using testing::joined;
using testing::pem;

const Bytes& report() { return genuine().report; }
const std::vector<Bytes>& chain() { return genuine().certificates; }

// Read on its own, or beside the report where the form is none of a report.
Intake read(const Bytes& bytes, bool has_report = true) {
  std::vector<Blob> blobs = {{"it", bytes}};
  if (!has_report) blobs.push_back({"report", report()});
  auto intake = read_blobs(blobs);
  EXPECT_TRUE(intake) << (intake ? "" : intake.error().what + " " + intake.error().detail);
  return intake ? *std::move(intake) : Intake{};
}

Bytes read_report(const Bytes& bytes) { return read(bytes).evidence.report; }

std::string spaced_hex(const Bytes& bytes, const std::string& prefix, const std::string& between) {
  std::string out;
  for (const std::byte b : bytes) out += prefix + base::to_hex(ByteView(&b, 1)) + between;
  return out;
}

TEST(Reports, AreRecognisedInEveryEncoding) {
  const std::string hex = base::to_hex(report());
  std::string upper = hex;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string lines = base::to_base64(report());
  for (std::size_t at = 76; at < lines.size(); at += 78) lines.insert(at, "\r\n");
  std::string url_safe = base::to_base64(report());
  std::ranges::replace(url_safe, '+', '-');
  std::ranges::replace(url_safe, '/', '_');
  url_safe.erase(url_safe.find('='));
  for (const std::string& text :
       {hex, upper, "0x" + hex, hex + "\n", spaced_hex(report(), "", " "), spaced_hex(report(), "0x", ", "),
        spaced_hex(report(), "", ":"), spaced_hex(report(), "", "\n"), base::to_base64(report()), lines, url_safe,
        "\xEF\xBB\xBF" + hex, '"' + base::to_base64(report()) + '"',
        base::to_base64(base::view(base::to_base64(report())))}) {
    EXPECT_EQ(read_report(bytes_of(text)), report()) << text.substr(0, 40);
  }
}

std::string numbers(const Bytes& bytes, bool hexadecimal) {
  std::string out;
  for (const std::byte b : bytes) {
    out += (out.empty() ? "" : ", ") +
           (hexadecimal ? "0x" + base::to_hex(ByteView(&b, 1)) : std::to_string(std::to_integer<int>(b)));
  }
  return out;
}

TEST(Reports, AreRecognisedAsProgramsWriteBytes) {
  const std::string hexadecimal = numbers(report(), true);
  const std::string decimal = numbers(report(), false);
  const std::string hex = base::to_hex(report());
  for (const std::string& text :
       {"unsigned char report_bin[] = {\n  " + hexadecimal + "\n};\nunsigned int report_bin_len = 1184;\n",
        "{" + hexadecimal + "}", "[" + hexadecimal + "]", "[]byte{" + decimal + ",\n}", "[\n" + decimal + ",\n]\n",
        "[" + decimal + "]", spaced_hex(report(), "\\x", ""), "b'" + spaced_hex(report(), "\\x", "") + "'",
        "'" + hex + "'\n", '"' + hex + '"', "'" + base::to_base64(report()) + "'"}) {
    EXPECT_EQ(read_report(bytes_of(text)), report()) << text.substr(0, 40);
  }
  for (const std::string& text : {"{" + hexadecimal + ", 0x100}", "{" + hexadecimal + "; 0x00}", "{" + decimal,
                                  "{-" + decimal + "}", "{," + decimal + "}", "[" + decimal + "}"}) {
    EXPECT_FALSE(read_blobs({{"it", bytes_of(text)}})) << text.substr(text.size() - 20);
  }
}

TEST(Reports, MayHaveALinesEndBehindThem) {
  for (const char* end : {"\n", "\r\n"}) EXPECT_EQ(read_report(joined({report(), bytes_of(end)})), report());
  EXPECT_FALSE(read_blobs({{"it", joined({report(), bytes_of("\n\n")})}}));
}

Bytes utf16(const std::string& text, bool little) {
  Bytes out = little ? Bytes{std::byte{0xFF}, std::byte{0xFE}} : Bytes{std::byte{0xFE}, std::byte{0xFF}};
  for (const char c : text) {
    const auto low = static_cast<std::byte>(c);
    out.insert(out.end(), {little ? low : std::byte{}, little ? std::byte{} : low});
  }
  return out;
}

TEST(Reports, AreRecognisedInUtf16) {
  for (const bool little : {true, false}) {
    EXPECT_EQ(read_report(utf16(base::to_hex(report()) + "\r\n", little)), report());
    EXPECT_EQ(read_report(utf16("{\"report\":\"" + base::to_base64(report()) + "\"}", little)), report());
  }
}

// One line of a dump: 16 bytes in groups.
std::string dump_line(ByteView bytes, std::size_t group, const std::string& between, bool swapped) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += group) {
    Bytes word = base::to_bytes(bytes.subspan(at, std::min(group, bytes.size() - at)));
    if (swapped) word.resize(group);  // hexdump fills the last one
    if (swapped) std::ranges::reverse(word);
    out += (out.empty() ? "" : between) + base::to_hex(word);
  }
  return out;
}

struct DumpStyle {
  const char* offset;  // printf
  const char* after;
  std::size_t group;
  bool swapped;
  const char* behind;
  bool last_offset;
};

std::string dump_of(const Bytes& bytes, const DumpStyle& style) {
  std::string out;
  Bytes last;
  const auto offset = [&](std::size_t at) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), style.offset, at);
    return std::string(text.data());
  };
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    const ByteView line = ByteView(bytes).subspan(at, std::min<std::size_t>(16, bytes.size() - at));
    const bool again = std::ranges::equal(line, last);
    last = base::to_bytes(line);
    if (again && style.last_offset) {
      if (!out.ends_with("*\n")) out += "*\n";
      continue;
    }
    out += offset(at) + style.after + dump_line(line, style.group, " ", style.swapped) + style.behind + "\n";
  }
  return style.last_offset ? out + offset(bytes.size()) + "\n" : out;
}

// CBOR's, of two bytes.
Bytes head(unsigned major, std::size_t value) {
  return {static_cast<std::byte>(major << 5 | 25), static_cast<std::byte>(value >> 8), static_cast<std::byte>(value)};
}

TEST(Reports, AreRecognisedInDumps) {
  for (const DumpStyle& style : {DumpStyle{"%08zx", ": ", 2, false, "  .... 00 ff ....", false},    // xxd
                                 DumpStyle{"%08zx", ": ", 1, false, "  ................", false},   // xxd -g1
                                 DumpStyle{"%08zx", "  ", 1, false, "  |................|", true},  // hexdump -C
                                 DumpStyle{"%07zx", " ", 2, true, "", true},                        // hexdump
                                 DumpStyle{"%07zo", " ", 1, false, "", true},                       // od -t x1
                                 DumpStyle{"%06zx", " ", 1, false, "", true}}) {                    // od -A x -t x1
    EXPECT_EQ(read_report(bytes_of(dump_of(report(), style))), report()) << dump_of(report(), style).substr(0, 200);
  }
  // Plain hexdump fills the last word of an odd number of bytes; its last offset tells.
  const DumpStyle hexdump{"%07zx", " ", 2, true, "", true};
  for (const std::size_t size : {std::size_t{1183}, std::size_t{1169}}) {
    const Bytes odd = joined({base::from_hex("d284").value(), head(2, size - 8), Bytes(size - 8, std::byte{7}),
                              base::from_hex("a0f640").value()});
    EXPECT_EQ(read(bytes_of(dump_of(odd, hexdump)), false).evidence.uvm_endorsement, odd) << size;
  }
  std::string torn = dump_of(report(), {"%08zx", ": ", 2, false, "  x", false});
  torn.erase(torn.find("00000010"), torn.find("00000020") - torn.find("00000010"));
  EXPECT_FALSE(read_blobs({{"it", bytes_of(torn)}})) << "a line is missing";
}

TEST(Reports, AreRecognisedInTheDriversBuffers) {
  Bytes header(32);
  header[4] = std::byte{0xA0};
  header[5] = std::byte{0x04};
  const Bytes response = joined({header, report()});
  for (const Bytes& bytes : {report(), joined({report(), Bytes(16)}), joined({report(), Bytes(2816)}), response,
                             joined({response, Bytes(2784)})}) {
    EXPECT_EQ(read_report(bytes), report()) << bytes.size();
  }
  header[0] = std::byte{0x16};  // INVALID_PARAM: the rest is stale memory
  const auto refused = read_blobs({{"it", joined({header, report()})}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, ::testing::HasSubstr("status 22"));
}

TEST(Reports, ComeWithTheirCertificatesBehindThem) {
  const Bytes table = emulator::certificate_table(chain(), evidence::sev_snp::SigningKey::vcek);
  for (const Bytes& behind : {table, joined({chain()[0], chain()[1]}), bytes_of(pem(chain()[0]))}) {
    const Intake intake = read(joined({report(), behind}));
    EXPECT_EQ(intake.evidence.report, report());
    EXPECT_FALSE(intake.evidence.certificates.empty());
  }
}

void expect_chain(const Bytes& bytes, const std::string& what) {
  const Intake intake = read(bytes, false);
  EXPECT_THAT(intake.evidence.certificates, ::testing::UnorderedElementsAreArray(chain())) << what;
  EXPECT_EQ(intake.sources[0].form, "3 certificates") << what;
}

TEST(Certificates, AreRecognisedInEveryForm) {
  const std::string all = pem(chain()[0]) + pem(chain()[1]) + pem(chain()[2]);
  const Bytes series = joined({chain()[0], chain()[1], chain()[2]});
  expect_chain(series, "DER one after the other");
  expect_chain(joined({series, Bytes(8)}), "a padded buffer");
  expect_chain(bytes_of(base::to_base64(series)), "base64 of DER");
  expect_chain(bytes_of(base::to_hex(series)), "hexadecimal of DER");
  expect_chain(bytes_of(all), "PEM");
  expect_chain(bytes_of("Bag Attributes\n  friendlyName: x\n" + all + "the end"), "PEM with text");
  expect_chain(bytes_of(pem(chain()[0], "CERTIFICATE", "\r\n") + pem(chain()[1]) + pem(chain()[2], "X509 CERTIFICATE")),
               "other line ends and labels");
  expect_chain(bytes_of(pem(chain()[0], "CERTIFICATE", "\\n") + pem(chain()[1], "CERTIFICATE", "\\n") +
                        pem(chain()[2], "CERTIFICATE", "\\n")),
               "escaped line ends");
  std::string with_headers = all;
  with_headers.insert(with_headers.find('\n') + 1, "Subject: CN=SEV-VCEK\nX-From: kds\n\n");
  expect_chain(bytes_of(with_headers), "a block with headers");
  expect_chain(bytes_of(all + pem(Bytes(70, std::byte{7}), "PUBLIC KEY")), "a key beside them");
  expect_chain(bytes_of(base::to_base64(base::view(all))), "base64 of PEM");
  expect_chain(emulator::certificate_table(chain(), evidence::sev_snp::SigningKey::vcek), "the host's table");
  // PkiPath: a SEQUENCE of them.
  Bytes path = {std::byte{0x30}, std::byte{0x82}, static_cast<std::byte>(series.size() >> 8),
                static_cast<std::byte>(series.size())};
  expect_chain(joined({path, series}), "a PkiPath");
}

TEST(Certificates, ComeWithRevocationLists) {
  const Bytes& crl = genuine().crls[0];
  for (const Bytes& bytes : {crl, joined({chain()[0], crl}), bytes_of(pem(crl, "X509 CRL")),
                             bytes_of(pem(chain()[0]) + pem(crl, "X509 CRL"))}) {
    EXPECT_EQ(read(bytes, false).evidence.crls, genuine().crls);
  }
}

TEST(Json, OfHostsAndServicesIsRecognisedByWhatItHolds) {
  const auto escaped = [](std::string text) {
    for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n')) text.replace(at, 1, "\\n");
    return text;
  };
  const std::string thim = R"({"vcekCert":")" + escaped(pem(chain()[0])) +
                           R"(","tcbm":"04000000000018DB","certificateChain":")" +
                           escaped(pem(chain()[1]) + pem(chain()[2])) + R"(","cacheControl":"86400"})";
  expect_chain(bytes_of(thim), "THIM");
  const auto quoted = [&escaped](std::string text) {
    for (std::size_t at = 0; at < text.size(); at += text[at] == '\\' || text[at] == '"' ? 2U : 1U) {
      if (text[at] == '\\' || text[at] == '"') text.insert(at, 1, '\\');
    }
    return '"' + escaped(text) + '"';
  };
  expect_chain(bytes_of(quoted(thim)), "a JSON text that holds JSON");
  expect_chain(bytes_of(quoted(quoted(thim))), "twice");
  expect_chain(bytes_of("{\"THIM\": " + quoted(thim) + "}"), "a member that holds JSON");
  expect_chain(bytes_of("{\"level\": \"info } \\\" {\"}\n" + thim + "\n[1, 2]\n"), "several documents");
  expect_chain(bytes_of(base::to_base64(base::view(thim)) + "\n"), "host-amd-cert-base64");
  const std::string base64 = base::to_base64(report());
  const std::string endorsements = base::to_base64(base::view(pem(chain()[0]) + pem(chain()[1]) + pem(chain()[2])));
  const std::string maa =
      base::to_base64(base::view(R"({"SnpReport":")" + base64 + R"(","VcekCertChain":")" + endorsements + R"("})"));
  for (const std::string& text :
       {R"({"evidence":")" + base64 + R"(","endorsements":")" + endorsements + R"("})",
        R"({"attestation":")" + base64 + R"(","platform_certificates":")" + endorsements + R"("})",
        R"({"attestation":")" + base64 + R"(","platform_certificates":)" + thim + "}",
        R"({"report":")" + maa + R"(","runtimeData":{"data":"e30=","dataType":"JSON"}})",
        R"([{"quotes":[{"raw":")" + base64 + R"(","endorsements":")" + endorsements + R"("}]}])"}) {
    const Intake intake = read(bytes_of(text));
    EXPECT_EQ(intake.evidence.report, report()) << text.substr(0, 30);
    EXPECT_THAT(intake.evidence.certificates, ::testing::UnorderedElementsAreArray(chain())) << text.substr(0, 30);
  }
}

TEST(Azure, PoliciesAndEndorsementsAreRecognised) {
  const std::string rego = "# made by hand\n\npackage policy\n\napi_version := \"0.10.0\"\n";
  EXPECT_EQ(read(bytes_of(rego), false).evidence.security_policy, bytes_of(rego));
  EXPECT_EQ(read(bytes_of(base::to_base64(base::view(rego))), false).evidence.security_policy, bytes_of(rego));
  // Not Rego: there the name decides.
  const auto named = read_blobs(
      {{"context/security-policy-base64", bytes_of(base::to_base64(base::view("{}")))}, {"report", report()}});
  ASSERT_TRUE(named);
  EXPECT_EQ(named->evidence.security_policy, bytes_of("{}"));
  // COSE_Sign1 with an empty header in its bytes, no payload, no signature: tagged and not.
  const Bytes cose = base::from_hex("d28441a0a0f640").value();
  EXPECT_EQ(read(cose, false).evidence.uvm_endorsement, cose);
  const Bytes untagged = base::from_hex("8441a0a0f640").value();
  EXPECT_EQ(read(untagged, false).evidence.uvm_endorsement, untagged);
  // A line's end behind it is no part of it; anything else is, and its parser will refuse that.
  for (const Bytes& bytes : {cose, untagged}) {
    EXPECT_EQ(read(joined({bytes, bytes_of("\n")}), false).evidence.uvm_endorsement, bytes);
  }
  const Bytes longer = joined({cose, bytes_of("x")});
  EXPECT_EQ(read(longer, false).evidence.uvm_endorsement, longer);
}

TEST(Azure, AStatementGivesTheEvidenceThatItCarries) {
  const std::string certificates = pem(chain()[0]);
  const Bytes inner =
      joined({head(5, 2), head(3, 11), bytes_of("attestation"), head(2, report().size()), report(), head(3, 16),
              bytes_of("snp_endorsements"), head(2, certificates.size()), bytes_of(certificates)});
  const Bytes header = joined({base::from_hex("a20138226773657276696365").value(), inner});
  const Bytes statement =
      joined({base::from_hex("d284").value(), head(2, header.size()), header, base::from_hex("a0f640").value()});
  const Intake intake = read(statement);
  EXPECT_EQ(intake.evidence.report, report());
  EXPECT_EQ(intake.evidence.certificates, std::vector<Bytes>{chain()[0]});
  EXPECT_TRUE(intake.evidence.uvm_endorsement.empty());
}

Bytes hcl_report(std::byte type) {
  Bytes hcl = joined({bytes_of("HCLA"), Bytes(28), report(), Bytes(20), Bytes(1364)});
  hcl[32 + 1184 + 8] = type;
  return hcl;
}

TEST(AzureVm, PartsAreRecognised) {
  const Bytes hcl = hcl_report(std::byte{2});
  const Bytes quote = joined({base::from_hex("ff54434780180022000b").value(), Bytes(90, std::byte{9})});
  const Bytes signature(256, std::byte{5});
  const Bytes pcrs(768, std::byte{6});
  const Bytes sized = joined({{std::byte{0}, std::byte{100}}, quote});
  const auto list = [](const Bytes& bytes) {
    std::string out;
    for (const std::byte b : bytes) out += (out.empty() ? "" : ",") + std::to_string(std::to_integer<int>(b));
    return "[" + out + "]";
  };
  std::string pcr_list, pcr_hex;
  for (int i = 0; i < 24; ++i) {
    pcr_list += (i == 0 ? "" : ",") + list(Bytes(32, std::byte{6}));
    pcr_hex += (i == 0 ? "\"" : ",\"") + base::to_hex(Bytes(32, std::byte{6})) + "\"";
  }
  const std::string v0 = R"({"quote":{"signature":)" + list(signature) + R"(,"message":)" + list(quote) +
                         R"(,"pcrs":[)" + pcr_list + R"(]},"report":)" + list(hcl) + "}";
  const std::string v1 = R"({"version":1,"tpm_quote":{"signature":")" + base::to_hex(signature) + R"(","message":")" +
                         base::to_hex(quote) + R"(","pcrs":[)" + pcr_hex + R"(]},"hcl_report":")" +
                         base::to_base64(hcl) + R"("})";
  const auto length = [](std::size_t size) {
    return joined({{static_cast<std::byte>(size), static_cast<std::byte>(size >> 8)}, Bytes(6)});
  };
  const Bytes bincode = joined({length(256), signature, length(quote.size()), quote, length(24), pcrs});
  for (const std::vector<Blob>& blobs :
       {std::vector<Blob>{{"hcl", hcl}, {"msg", quote}, {"sig", signature}, {"pcrs", pcrs}},
        {{"hcl", bytes_of(base::to_base64(hcl))},
         {"msg", sized},
         {"sig", bytes_of(base::to_hex(signature))},
         {"pcrs", pcrs}},
        {{"hcl", hcl}, {"quote", bincode}},
        {{"v0", bytes_of(v0)}},
        {{"v1", bytes_of(v1)}},
        {{"v0", bytes_of(v0)}, {"v1", bytes_of(v1)}}}) {
    const auto intake = read_blobs(blobs);
    ASSERT_TRUE(intake) << blobs[0].name << intake.error().what;
    EXPECT_EQ(intake->evidence.report, report());
    ASSERT_TRUE(intake->evidence.azure_vm) << blobs[0].name;
    EXPECT_EQ(intake->evidence.azure_vm->hcl_report, hcl);
    EXPECT_EQ(intake->evidence.azure_vm->quote, quote);
    EXPECT_EQ(intake->evidence.azure_vm->quote_signature, signature);
    ASSERT_EQ(intake->evidence.azure_vm->pcrs.size(), 24U) << blobs[0].name;
    EXPECT_EQ(intake->evidence.azure_vm->pcrs.at({evidence::azure_vm::kTpmAlgSha256, 23}), Bytes(32, std::byte{6}));
  }
}

TEST(AzureVm, PcrsMayStandAloneInJson) {
  const std::string value = '"' + base::to_hex(Bytes(32, std::byte{6})) + '"';
  for (const std::string& text :
       {R"({"sha1": {}, "sha256": {"4": )" + value + R"(, "11": )" + value + "}}",
        R"({"pcrs": {"sha256": {"4": )" + value + R"(, "11": )" + value + "}}}",
        R"({"pcrs": [)" + value + "," + value + "," + value + "," + value + "," + value + "]}"}) {
    const auto intake = read_blobs({{"hcl", hcl_report(std::byte{2})}, {"pcrs.json", bytes_of(text)}});
    ASSERT_TRUE(intake) << text << intake.error().what;
    ASSERT_TRUE(intake->evidence.azure_vm);
    EXPECT_EQ(intake->evidence.azure_vm->pcrs.at({evidence::azure_vm::kTpmAlgSha256, 4}), Bytes(32, std::byte{6}));
  }
  for (const char* text : {R"({"sha256": {"4": "00"}})", R"({"sha256": {"24": "00"}})"}) {
    EXPECT_FALSE(read_blobs({{"hcl", hcl_report(std::byte{2})}, {"pcrs.json", bytes_of(text)}})) << text;
  }
  // The words alone say little.
  for (const char* text : {R"({"pcrs": [1, 2]})", R"({"pcrs": ["4", "11"]})", R"({"sha256": {"file": "00"}})"}) {
    const auto intake = read_blobs({{"hcl", hcl_report(std::byte{2})}, {"it", bytes_of(text), true}});
    ASSERT_TRUE(intake) << text;
    EXPECT_TRUE(intake->sources[1].ignored) << text;
  }
}

TEST(AzureVm, AnotherKindOfGuestIsToldSo) {
  const auto refused = read_blobs({{"it", hcl_report(std::byte{4})}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::malformed);
  EXPECT_THAT(refused.error().what, ::testing::HasSubstr("TDX"));
}

TEST(Bundles, AreRecognised) {
  evidence::Bundle bundle;
  bundle.primary = genuine();
  bundle.path.tree_size = 1;
  bundle.manifest = bytes_of("{}");
  const Intake intake = read(encode_bundle(bundle));
  EXPECT_EQ(intake.evidence.report, report());
  EXPECT_EQ(intake.evidence.certificates, chain());
  EXPECT_EQ(intake.evidence.crls, genuine().crls);
  EXPECT_EQ(intake.manifest, bytes_of("{}"));
}

}  // namespace
}  // namespace blindbox::intake
