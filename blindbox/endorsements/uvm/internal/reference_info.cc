// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/uvm/internal/reference_info.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace blindbox::endorsements::uvm::internal {
namespace {

using base::fail;
using nlohmann::json;

constexpr std::size_t kCap = std::size_t{64} << 10;  // real ones have about 200 bytes
constexpr int kMaxDepth = 8;

// The object, where no member stands twice: the library would keep the last one and say nothing.
std::optional<json> parse_object(ByteView bytes) {
  bool good = true;
  std::set<std::string> seen;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kMaxDepth) good = false;
    if (event == json::parse_event_t::key && depth == 1 && !seen.insert(value.get<std::string>()).second) good = false;
    return good;
  };
  const std::string_view text = base::as_text(bytes);
  json root = json::parse(text.begin(), text.end(), watch, false);
  return good && root.is_object() ? std::optional(std::move(root)) : std::nullopt;
}

// Digits alone, without zeros in front.
std::optional<std::uint64_t> decimal(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || stop != text.data() + text.size() || std::to_string(number) != text) return std::nullopt;
  return number;
}

}  // namespace

Result<ReferenceInfo> read_reference_info(ByteView bytes) {
  const auto malformed = [](const char* what) { return fail(ErrorKind::malformed, what); };
  if (bytes.size() > kCap) return malformed("the payload is larger than 64 KiB");
  const auto root = parse_object(bytes);
  if (!root) return malformed("the payload is no JSON object whose members differ");
  ReferenceInfo out;
  const auto measurement = root->find("x-ms-sevsnpvm-launchmeasurement");
  const auto digest = measurement != root->end() && measurement->is_string()
                          ? base::from_hex(measurement->get_ref<const std::string&>())
                          : Bytes{};
  if (!digest || digest->size() != out.launch_measurement.size()) {
    return malformed("the payload has no launch measurement of 48 bytes");
  }
  std::copy(digest->begin(), digest->end(), out.launch_measurement.begin());
  std::optional<std::uint64_t> svn;
  for (const char* name : {"x-ms-sevsnpvm-guestsvn", "x-ms-sevsnpvm-guestsvn-int"}) {
    const auto member = root->find(name);
    if (member == root->end()) continue;
    const auto number = decimal(*member);
    if (!number || (svn && *svn != *number)) return malformed("the payload's SVN is no number, or two different ones");
    svn = number;
  }
  if (!svn) return malformed("the payload has no SVN");
  out.svn = *svn;
  return out;
}

}  // namespace blindbox::endorsements::uvm::internal
