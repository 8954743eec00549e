// SPDX-License-Identifier: Apache-2.0
#include "blindbox/ledger/internal/quick_entry.h"

#include <algorithm>
#include <charconv>

namespace blindbox::ledger::internal {
namespace {

// Takes one thing after the other off the front of a line; false where it does not stand there.
class Line {
 public:
  explicit Line(std::string_view text) : left_(text) {}

  bool literal(std::string_view text) {
    if (!left_.starts_with(text)) return false;
    left_.remove_prefix(text.size());
    return true;
  }
  // Behind its first quotation mark, to the second one, which it takes too.
  bool string(std::string& out) {
    const auto end = std::ranges::find_if(left_, [](char c) { return c == '"' || c == '\\' || c < ' ' || c > '~'; });
    if (end == left_.end() || *end != '"') return false;
    out.assign(left_.begin(), end);
    left_.remove_prefix(out.size() + 1);
    return true;
  }
  template <typename Number>
  bool number(Number& out) {
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), out);
    const auto size = static_cast<std::size_t>(end - left_.data());
    if (error != std::errc{} || size == 0 || (size > 1 && left_.front() == '0')) return false;
    left_.remove_prefix(size);
    return true;
  }
  // So many digits.
  bool digits(std::size_t size, int& out) {
    out = 0;
    if (left_.size() < size) return false;
    for (const char c : left_.substr(0, size)) {
      if (c < '0' || c > '9') return false;
      out = out * 10 + (c - '0');
    }
    left_.remove_prefix(size);
    return true;
  }
  [[nodiscard]] bool empty() const { return left_.empty(); }

 private:
  std::string_view left_;
};

bool take_time(Line& line, Time& out) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micro = 0;
  const bool read = line.digits(4, year) && line.literal("-") && line.digits(2, month) && line.literal("-") &&
                    line.digits(2, day) && line.literal("T") && line.digits(2, hour) && line.literal(":") &&
                    line.digits(2, minute) && line.literal(":") && line.digits(2, second) && line.literal(".") &&
                    line.digits(6, micro) && line.literal("Z\"");
  if (!read || hour > 23 || minute > 59 || second > 59) return false;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return false;
  out = std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
        std::chrono::seconds{second} + std::chrono::microseconds{micro};
  return true;
}

bool take_findings(Line& line, std::vector<std::string>& out) {
  constexpr std::size_t kMost = 64;
  if (line.literal("]")) return true;
  do {
    if (out.size() == kMost || !line.literal("\"") || !line.string(out.emplace_back())) return false;
  } while (line.literal(","));
  return line.literal("]");
}

}  // namespace

std::optional<Entry> read_quickly(std::string_view text) {
  Line line(text);
  Entry entry;
  const bool read = line.literal(R"({"time":")") && take_time(line, entry.time) && line.literal(R"(,"id":")") &&
                    line.string(entry.id) && line.literal(R"(,"server":")") && line.string(entry.server) &&
                    line.literal(R"(,"verdict":")") && line.string(entry.verdict) && line.literal(R"(,"method":")") &&
                    line.string(entry.method) && line.literal(R"(,"path":")") && line.string(entry.path) &&
                    line.literal(R"(,"status":)") && line.number(entry.status) && line.literal(R"(,"bytes_out":)") &&
                    line.number(entry.bytes_out) && line.literal(R"(,"bytes_in":)") && line.number(entry.bytes_in) &&
                    line.literal(R"(,"sha256":")") && line.string(entry.sha256) && line.literal(R"(,"outcome":")") &&
                    line.string(entry.outcome) && line.literal(R"(,"findings":[)") &&
                    take_findings(line, entry.findings) && line.literal("}") && line.empty();
  if (!read) return std::nullopt;
  return entry;
}

}  // namespace blindbox::ledger::internal
