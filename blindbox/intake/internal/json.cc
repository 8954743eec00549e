// SPDX-License-Identifier: Apache-2.0
// Whoever wraps evidence in JSON chooses its own names, so members are told by what they hold: everything that is text
// or a list of bytes is looked at as a file would be. Only a quote's parts, which have no mark of their own, and a
// report written field by field go by name.
#include "blindbox/intake/internal/json.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "blindbox/base/json_watch.h"
#include "blindbox/evidence/azure_vm/pcrs.h"
#include "blindbox/intake/intake.h"
#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake::internal {
namespace {

using evidence::azure_vm::PcrValues;
using nlohmann::json;

constexpr std::size_t kLeastMember = 32;  // characters or bytes: nothing shorter holds a piece of evidence
constexpr std::size_t kMostPcrs = 24;
constexpr std::size_t kLeastDigest = 20;
constexpr std::size_t kMostDigest = 64;
constexpr std::size_t kMostDocuments = 64;

std::optional<Bytes> byte_array(const json& value) {
  Bytes bytes;
  bytes.reserve(value.size());
  for (const json& element : value) {
    if (!element.is_number_unsigned() || element.get<std::uint64_t>() > 255) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(element.get<std::uint64_t>()));
  }
  return bytes;
}

// A list: the values that the quote selects, or all from PCR 0 on.
Result<void> take_pcr_list(const json& list, const Reading& reading) {
  Bytes all;
  if (list.size() > kMostPcrs) return broken(reading, "a TPM quote's PCRs are no list of 24");
  for (const json& element : list) {
    const auto value = bytes_of(element);
    if (!value || value->size() < kLeastDigest || value->size() > kMostDigest) {
      return broken(reading, "a PCR is no digest");
    }
    all.insert(all.end(), value->begin(), value->end());
  }
  reading.collector.take_pcr_list(all);
  return {};
}

// {"0": value, ...} of one bank.
Result<void> add_bank(const json& bank, std::uint16_t id, PcrValues& out, const Reading& reading) {
  for (const auto& [name, member] : bank.items()) {
    unsigned index = kMostPcrs;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    auto value = bytes_of(member);
    if (error != std::errc{} || end != name.data() + name.size() || index >= kMostPcrs || !value ||
        value->size() != evidence::azure_vm::bank_size(id)) {
      return broken(reading, "the member " + name.substr(0, kMostDigest) + " of a TPM quote's PCRs is no PCR's value");
    }
    out[{id, static_cast<std::uint8_t>(index)}] = *std::move(value);
  }
  return {};
}

// {"0": value, ...} of the SHA-256 bank, or {"sha256": {"0": value, ...}, ...}.
Result<void> take_pcr_object(const json& object, const Reading& reading) {
  PcrValues values;
  const bool banks = !object.empty() && object.begin()->is_object();
  Result<void> added;
  if (!banks) added = add_bank(object, evidence::azure_vm::kTpmAlgSha256, values, reading);
  for (auto member = object.begin(); banks && added && member != object.end(); ++member) {
    const auto id = evidence::azure_vm::bank_of(member.key());
    if (!id || !member->is_object()) return broken(reading, "a TPM quote's PCRs are of no bank that is known here");
    added = add_bank(*member, *id, values, reading);
  }
  return added ? reading.collector.take_pcrs(values) : added;
}

Result<void> take_pcrs(const json& pcrs, const Reading& reading) {
  if (pcrs.is_object()) return take_pcr_object(pcrs, reading);
  if (!pcrs.is_array()) return broken(reading, "a TPM quote's PCRs are no list of 24");
  return take_pcr_list(pcrs, reading);
}

bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

// PCR values without their quote: {"sha256": {"0": value, ...}}, as what tpm2_pcrread prints becomes in JSON, and {"pcrs":
// [value, ...]}. The words alone say little, so that what holds something else is none.
Result<bool> read_pcr_object(const json& object, const Reading& reading) {
  json banks;
  for (const auto& [name, member] : object.items()) {
    const bool bank = evidence::azure_vm::bank_of(name) && member.is_object() && !member.empty();
    if (bank && is_number(member.begin().key())) banks[name] = member;
  }
  Result<void> taken;
  const auto list = object.find("pcrs");
  const auto is_value = [](const json& element) {
    const auto value = element.is_string() ? bytes_of(element) : std::nullopt;
    return value && value->size() == evidence::azure_vm::bank_size(evidence::azure_vm::kTpmAlgSha256);
  };
  const bool values = list != object.end() && list->is_array() && !list->empty() && list->size() <= kMostPcrs &&
                      std::ranges::all_of(*list, is_value);
  if (!banks.empty()) taken = take_pcr_object(banks, reading);
  if (taken && values) taken = take_pcr_list(*list, reading);
  if (!taken) return tl::unexpected<Error>(taken.error());
  return !banks.empty() || values;
}

// {"message", "signature", "pcrs"}, where message is a quote.
Result<bool> read_quote_object(const json& object, const Reading& reading) {
  if (!object.contains("message") || !object.contains("signature")) return false;
  const auto message = bytes_of(object["message"]);
  auto known = message ? read_quote(*message, reading) : Result<bool>(false);
  // With PCRs beside it nothing else is meant: a quote that is none must not be passed over.
  if (known && !*known && object.contains("pcrs")) return broken(reading, "a TPM quote's message is no quote");
  if (!known || !*known) return known;
  const auto signature = bytes_of(object["signature"]);
  if (!signature) return broken(reading, "a TPM quote's signature is not hexadecimal, base64 or a list of bytes");
  Result<void> taken = reading.collector.take(Part::quote_signature, *signature);
  if (taken && object.contains("pcrs")) taken = take_pcrs(object["pcrs"], reading);
  if (!taken) return tl::unexpected<Error>(taken.error());
  return true;
}

Result<bool> walk(const json& value, const Reading& reading);

// Members whose names say what they hold: one that is there and holds something else is a damaged one.
constexpr std::array<std::string_view, 6> kNamed = {"uvm_endorsements", "uvmEndorsements", "uvm_endorsement",
                                                    "uvmEndorsement",   "hcl_report",      "hclReport"};

Result<bool> walk_named(const json& object, const Reading& reading) {
  bool any = false;
  for (const std::string_view name : kNamed) {
    const auto member = object.find(name);
    if (member == object.end() || member->is_null() || member->empty() ||
        (member->is_string() && member->get_ref<const std::string&>().empty()))
      continue;
    auto known = walk(*member, reading);
    if (!known) return known;
    if (!*known) return broken(reading, "the member " + std::string(name) + " holds nothing that is known here");
    any = true;
  }
  return any;
}

// Of an object, a list, or a series of documents.
template <typename Members>
Result<bool> walk_members(const Members& members, const Reading& reading) {
  bool any = false;
  for (const json& member : members) {
    auto known = walk(member, reading);
    if (!known) return known;
    any = any || *known;
  }
  return any;
}

// Each member once: twice would be thousands of times at the sixteenth level.
Result<bool> walk_object_members(const json& object, const Reading& reading) {
  auto any = walk_named(object, reading);
  if (!any) return any;
  for (const auto& [name, member] : object.items()) {
    if (std::ranges::find(kNamed, name) != kNamed.end()) continue;
    auto known = walk(member, reading);
    if (!known) return known;
    any = *any || *known;
  }
  return any;
}

Result<bool> walk_object(const json& object, const Reading& reading) {
  auto report = report_from_fields(object);
  if (!report) return broken(reading, report.error().what);
  if (*report) return read_report(**report, reading);
  auto quote = read_quote_object(object, reading);
  if (!quote || *quote) return quote;
  auto pcrs = read_pcr_object(object, reading);
  if (!pcrs) return pcrs;
  auto members = walk_object_members(object, reading);
  return members && *pcrs ? pcrs : members;
}

Result<bool> walk(const json& value, const Reading& reading) {
  if (value.is_object()) return walk_object(value, reading);
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.size() < kLeastMember ? Result<bool>(false) : recognise(base::view(text), reading);
  }
  if (!value.is_array()) return false;
  if (const auto bytes = byte_array(value)) {
    return bytes->size() < kLeastMember ? Result<bool>(false) : recognise(*bytes, reading);
  }
  return walk_members(value, reading);
}

}  // namespace

Result<std::optional<json>> parse_json(std::string_view text) {
  if (text.size() > kJsonCap) {
    return base::fail(ErrorKind::malformed, "JSON larger than " + std::to_string(kJsonCap) + " bytes");
  }
  base::JsonWatch watch(kMostJsonDepth);
  json parsed = json::parse(text, std::ref(watch), false);
  if (watch.too_deep()) {
    return base::fail(ErrorKind::malformed, "JSON nested deeper than " + std::to_string(kMostJsonDepth) + " levels");
  }
  if (watch.key_twice()) {
    return base::fail(ErrorKind::malformed, "a JSON object with a name that stands in it twice");
  }
  if (parsed.is_discarded()) return std::nullopt;
  return parsed;
}

std::optional<Bytes> bytes_of(const json& value) {
  if (value.is_array()) return byte_array(value);
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (auto bytes = decode_hex(text)) return bytes;
  return decode_base64(text);
}

namespace {

// Where the object, list or text ends that the text begins with; nothing where it does not.
std::optional<std::size_t> document_end(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '{' || c == '[')) ++depth;
    if (!quoted && (c == '}' || c == ']') && depth-- == 0) return std::nullopt;
    if (!quoted && depth == 0) return i + 1;
  }
  return std::nullopt;
}

// Documents one after the other, as logs and "jq -c" have them.
Result<bool> read_documents(std::string_view text, const Reading& reading) {
  std::vector<json> documents;
  while (!text.empty()) {
    const auto end = documents.size() < kMostDocuments ? document_end(text) : std::nullopt;
    if (!end) return false;
    auto parsed = parse_json(text.substr(0, *end));
    if (!parsed) return unreadable(reading, parsed.error().what);
    if (!*parsed) return false;
    documents.push_back(**std::move(parsed));
    text = trim(text.substr(*end));
  }
  return walk_members(documents, reading.inside());
}

}  // namespace

Result<bool> read_json(ByteView bytes, const Reading& reading) {
  const std::string_view text = trim(base::as_text(bytes));
  if (!text.starts_with('{') && !text.starts_with('[') && !text.starts_with('"')) return false;
  auto parsed = parse_json(text);
  if (!parsed) return unreadable(reading, parsed.error().what);
  if (!*parsed) return read_documents(text, reading);
  // A text or a list of numbers is but another encoding of the whole.
  const bool bare =
      (*parsed)->is_string() || ((*parsed)->is_array() && !(*parsed)->empty() && (*parsed)->front().is_number());
  return walk(**parsed, bare ? reading.decoded() : reading.inside());
}

}  // namespace blindbox::intake::internal
