// SPDX-License-Identifier: Apache-2.0
// The measured form.
#include <nlohmann/json.hpp>

#include "blindbox/specification/internal/names.h"

namespace blindbox::specification {
namespace {

using base::fail;
using nlohmann::json;

// Every member in one place, read and written in the same breath; a problem stops nothing and is kept.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object.is_object() ? object : empty()) {
    if (!object.is_object()) note("no object");
  }
  template <typename T>
  void number(const char* name, T& out) {
    const json& value = member(name);
    std::uint64_t read = 0;
    if (value.is_number_unsigned()) read = value.get<std::uint64_t>();
    if (!value.is_number_unsigned() || read > std::numeric_limits<T>::max()) return note(name);
    out = static_cast<T>(read);
  }
  void duration(const char* name, std::chrono::milliseconds& out) {
    std::uint32_t count = 0;
    number(name, count);
    out = std::chrono::milliseconds(count);
  }
  void text(const char* name, std::string& out) {
    const json& value = member(name);
    if (!value.is_string()) return note(name);
    out = value.get<std::string>();
  }
  void texts(const char* name, std::vector<std::string>& out) {
    for (const json& item : items(name)) {
      if (!item.is_string()) return note(name);
      out.push_back(item.get<std::string>());
    }
  }
  template <typename T, std::size_t N>
  void choice(const char* name, const internal::Names<T, N>& names, T& out) {
    std::string word;
    text(name, word);
    const auto found = internal::find_name(names, word);
    if (!found) return note(name);
    out = *found;
  }
  const json& member(const char* name) {
    const auto found = object_.find(name);
    return found == object_.end() ? null() : *found;
  }
  const json& items(const char* name) {
    const json& value = member(name);
    if (value.is_array()) return value;
    note(name);
    return no_items();
  }
  void note(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  static const json& null() {
    static const json value;
    return value;
  }
  static const json& empty() {
    static const json value = json::object();
    return value;
  }
  static const json& no_items() {
    static const json value = json::array();
    return value;
  }
  const json& object_;
  std::string problem_;
};

json to_json(const Specification& from) {
  json egress = json::array();
  for (const Egress& entry : from.egress) egress.push_back(internal::egress_text(entry));
  json writable = json::array();
  for (const Writable& entry : from.writable) writable.push_back({{"path", entry.path}, {"size", entry.size}});
  json health;
  if (from.health) {
    health = {{"interval_ms", from.health->interval.count()},
              {"path", from.health->path},
              {"start_ms", from.health->start.count()},
              {"timeout_ms", from.health->timeout.count()}};
  }
  const Application& application = from.application;
  return {{"application",
           {{"command", application.command},
            {"environment", application.environment},
            {"stop_signal", application.stop_signal},
            {"user", application.user},
            {"working_directory", application.working_directory}}},
          {"egress", std::move(egress)},
          {"environment_passed", from.environment_passed},
          {"health", std::move(health)},
          {"limits",
           {{"file_size", from.limits.file_size},
            {"memory", from.limits.memory},
            {"open_files", from.limits.open_files},
            {"processes", from.limits.processes}}},
          {"minimum_tier", tier_name(from.minimum_tier)},
          {"output", internal::name_of(internal::kOutputs, from.output)},
          {"platform", internal::name_of(internal::kPlatforms, from.platform)},
          {"port", from.port},
          {"restart", internal::name_of(internal::kRestarts, from.restart)},
          {"schema", kSpecificationSchema},
          {"tls_port", from.tls_port},
          {"writable", std::move(writable)}};
}

// Reads one member that is an object of its own.
template <typename Read>
void read_object(Reader& parent, const char* name, Read&& read) {
  Reader reader(parent.member(name));
  read(reader);
  if (!reader.problem().empty()) parent.note(std::string(name) + ": " + reader.problem());
}

void read_lists(Reader& reader, Specification& out) {
  for (const json& item : reader.items("egress")) {
    auto entry = internal::parse_egress(item.is_string() ? item.get<std::string>() : "");
    if (!entry) return reader.note("egress: " + entry.error().what);
    out.egress.push_back(*std::move(entry));
  }
  for (const json& item : reader.items("writable")) {
    Reader inner(item);
    Writable entry;
    inner.text("path", entry.path);
    inner.number("size", entry.size);
    if (!inner.problem().empty()) reader.note("writable: " + inner.problem());
    out.writable.push_back(std::move(entry));
  }
}

Specification from_json(Reader& reader) {
  Specification out;
  read_object(reader, "application", [&out](Reader& inner) {
    inner.texts("command", out.application.command);
    inner.texts("environment", out.application.environment);
    inner.text("stop_signal", out.application.stop_signal);
    inner.text("user", out.application.user);
    inner.text("working_directory", out.application.working_directory);
  });
  read_object(reader, "limits", [&out](Reader& inner) {
    inner.number("file_size", out.limits.file_size);
    inner.number("memory", out.limits.memory);
    inner.number("open_files", out.limits.open_files);
    inner.number("processes", out.limits.processes);
  });
  if (!reader.member("health").is_null()) {
    out.health.emplace();
    read_object(reader, "health", [&health = *out.health](Reader& inner) {
      inner.text("path", health.path);
      inner.duration("interval_ms", health.interval);
      inner.duration("timeout_ms", health.timeout);
      inner.duration("start_ms", health.start);
    });
  }
  read_lists(reader, out);
  reader.texts("environment_passed", out.environment_passed);
  reader.choice("minimum_tier", internal::kTiers, out.minimum_tier);
  reader.choice("output", internal::kOutputs, out.output);
  reader.choice("platform", internal::kPlatforms, out.platform);
  reader.choice("restart", internal::kRestarts, out.restart);
  reader.number("port", out.port);
  reader.number("tls_port", out.tls_port);
  return out;
}

}  // namespace

std::string encode(const Specification& specification) {
  // nlohmann's object is a sorted map and all names are ASCII: that is RFC 8785's order. What is no UTF-8 is replaced.
  return to_json(specification).dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Specification> decode(std::string_view text) {
  constexpr auto kHint = "the image was not made by \"blindbox build\" of this version";
  if (text.size() > kSpecificationCap) return fail(ErrorKind::limit, "the specification is larger than 1 MiB");
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded()) return fail(ErrorKind::malformed, "the specification is no JSON", "", kHint);
  Reader reader(root);
  Specification out = from_json(reader);
  std::string problem = reader.problem();
  if (problem.empty()) problem = internal::problem_of(out, true);
  if (!problem.empty()) return fail(ErrorKind::malformed, "the specification is wrong: " + problem, "", kHint);
  // Unknown and duplicate members, another order, another spelling of a number: all of it ends here.
  if (encode(out) != text)
    return fail(ErrorKind::malformed, "the specification is not in its canonical form", "", kHint);
  return out;
}

}  // namespace blindbox::specification
