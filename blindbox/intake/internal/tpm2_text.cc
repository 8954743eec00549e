// SPDX-License-Identifier: Apache-2.0
// What tpm2-tools print: the quote, its signature and the PCR values of tpm2_quote, and the values of tpm2_pcrread (in
// older versions tpm2_pcrlist), in lines of "name: value".
#include <algorithm>
#include <charconv>

#include "blindbox/evidence/azure_vm/quote.h"
#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake::internal {
namespace {

using evidence::azure_vm::kMaxPcrs;
using evidence::azure_vm::PcrValues;

constexpr std::size_t kTextCap = std::size_t{64} << 10;  // eight banks of 24 have a quarter of it

struct Printed {
  PcrValues pcrs;
  Bytes quote;
  Bytes signature;
  std::string scheme;
  std::string problem;  // of a line that says what it is and cannot be read
};

std::optional<unsigned> small_number(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

void read_pcr(Printed& out, std::uint16_t bank, unsigned index, std::string_view value) {
  auto bytes = decode_hex(value);
  if (index >= kMaxPcrs || !bytes || bytes->size() != evidence::azure_vm::bank_size(bank)) {
    out.problem = "PCR " + std::to_string(index) + " has no value of " + evidence::azure_vm::bank_name(bank);
  } else if (!out.pcrs.try_emplace({bank, static_cast<std::uint8_t>(index)}, *std::move(bytes)).second) {
    out.problem = "PCR " + std::to_string(index) + " is there twice";
  }
}

void read_bytes(Printed& out, Bytes& into, std::string_view name, std::string_view value) {
  auto bytes = decode_hex(value);
  if (!bytes || !into.empty()) {
    out.problem = "its \"" + std::string(name) + "\" is not one hexadecimal text";
  } else {
    into = *std::move(bytes);
  }
}

Printed read_lines(std::string_view text) {
  Printed out;
  std::optional<std::uint16_t> bank;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trim(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    const auto index = small_number(name);
    if (value.empty()) {
      bank = evidence::azure_vm::bank_of(name);
    } else if (bank && index) {
      read_pcr(out, *bank, *index, value);
    } else if (name == "quoted") {
      read_bytes(out, out.quote, name, value);
    } else if (name == "sig" && !out.quote.empty()) {
      read_bytes(out, out.signature, name, value);
    } else if (name == "alg") {
      out.scheme = value;
    }
  }
  return out;
}

// The tools print the signature's bytes alone, and its scheme beside them. The hash is the one that the TPM digested the
// PCRs with.
Bytes framed(const Printed& printed) {
  const auto quote = evidence::azure_vm::parse_quote(printed.quote);
  const bool pss = printed.scheme == "rsapss";
  if (!quote || (!pss && printed.scheme != "rsassa")) return printed.signature;
  const std::size_t digest = quote->pcr_digest.size();
  const std::uint8_t hash = digest == 48 ? 0x0C : digest == 64 ? 0x0D : digest == 20 ? 0x04 : 0x0B;
  Bytes out;
  for (const std::size_t value : {std::size_t{0}, std::size_t{pss ? 0x16U : 0x14U}, std::size_t{0}, std::size_t{hash},
                                  printed.signature.size() >> 8, printed.signature.size() & 0xFFU}) {
    out.push_back(static_cast<std::byte>(value));
  }
  out.insert(out.end(), printed.signature.begin(), printed.signature.end());
  return out;
}

}  // namespace

Result<bool> read_tpm2_text(ByteView bytes, const Reading& reading) {
  const std::string_view text = base::as_text(bytes);
  if (bytes.size() > kTextCap || text.find(':') == std::string_view::npos || !base::is_utf8(text)) return false;
  const Printed printed = read_lines(text);
  if (printed.pcrs.empty() && printed.quote.empty()) {
    return printed.problem.empty() ? Result<bool>(false) : unreadable(reading, printed.problem);
  }
  if (!printed.problem.empty()) return broken(reading, "what tpm2-tools printed: " + printed.problem);
  if (!printed.quote.empty()) {
    auto known = read_quote(printed.quote, reading);
    if (!known) return known;
    if (!*known) return broken(reading, "what tpm2-tools printed as \"quoted\" is no quote");
  }
  Result<void> taken;
  if (!printed.signature.empty()) taken = reading.collector.take(Part::quote_signature, framed(printed));
  if (taken) taken = reading.collector.take_pcrs(printed.pcrs);
  if (!taken) return tl::unexpected<Error>(taken.error());
  return true;
}

}  // namespace blindbox::intake::internal
