// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/internal/common.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "blindbox/base/bytes.h"

namespace blindbox::api::internal {

const char* fingerprint() { return "blindbox-" BLINDBOX_VERSION; }

std::string compact(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string event(const ordered_json& value) { return "data: " + compact(value) + "\n\n"; }

std::uint32_t random_seed() {
  std::uint32_t seed = 0;
  for (const std::byte byte : base::random_bytes(sizeof seed)) seed = seed << 8U | std::to_integer<std::uint32_t>(byte);
  return seed;
}

void take_sampling(Fields& fields, double default_temperature, completion::Request& request) {
  request.temperature = static_cast<float>(fields.number("temperature", default_temperature, 0, 5));
  request.top_p = static_cast<float>(fields.number("top_p", 1, 0, 1));
  request.top_k = static_cast<int>(std::max<std::int64_t>(fields.whole("top_k", 0, -1, kMaxTokens), 0));
  request.min_p = static_cast<float>(fields.number("min_p", 0, 0, 1));
  request.repeat_penalty = static_cast<float>(fields.number("repeat_penalty", 1, 0.1, 10));
  request.presence_penalty = static_cast<float>(fields.number("presence_penalty", 0, -2, 2));
  request.frequency_penalty = static_cast<float>(fields.number("frequency_penalty", 0, -2, 2));
  request.stop = fields.texts("stop", kMaxStopWords);
  const std::int64_t seed =
      fields.whole("seed", -1, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  request.seed = seed == -1 ? random_seed() : static_cast<std::uint32_t>(seed & 0xFFFFFFFF);
}

namespace {

// An id, as a number or as the key of an object; -1 for anything else.
std::int64_t id_of(const nlohmann::json& id) {
  if (is_whole(id) && id >= 0 && id < (1 << 30)) return id.get<std::int64_t>();
  if (!id.is_string()) return -1;
  const auto& text = id.get_ref<const std::string&>();
  std::int64_t value = -1;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && value < (1 << 30) ? value : -1;
}

bool add_bias(const nlohmann::json& id, const nlohmann::json& bias, std::vector<completion::TokenBias>& out) {
  const std::int64_t token = id_of(id);
  const bool banned = bias == false;
  if (token < 0 || !(banned || bias.is_number()) || out.size() == kMaxBias) return false;
  // Beyond that the sampler's numbers overflow, and tokens are chosen that nobody asked for.
  constexpr double kMost = 1e6;
  const auto value = banned ? -std::numeric_limits<float>::infinity()
                            : static_cast<float>(std::clamp(bias.get<double>(), -kMost, kMost));
  out.push_back({static_cast<completion::Token>(token), value});
  return true;
}

}  // namespace

void take_bias(Fields& fields, completion::Request& request) {
  const nlohmann::json& bias = fields.get("logit_bias");
  bool good = bias.is_null() || bias.is_object() || bias.is_array();
  if (bias.is_object()) {
    for (auto one = bias.begin(); good && one != bias.end(); ++one) {
      good = add_bias(one.key(), one.value(), request.bias);
    }
  }
  for (std::size_t i = 0; good && bias.is_array() && i < bias.size(); ++i) {
    good = bias[i].is_array() && bias[i].size() == 2 && add_bias(bias[i][0], bias[i][1], request.bias);
  }
  if (!good) {
    fields.refuse("\"logit_bias\" must be at most " + std::to_string(kMaxBias) +
                  R"( token ids with a number each, as {"id": bias} or [[id, bias], ...])");
  }
}

void refuse_unsupported(Fields& fields, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const nlohmann::json& value = fields.get(name);
    const bool nothing = value.is_null() || value == "" || value == false || (value.is_structured() && value.empty());
    if (!nothing) fields.refuse('"' + std::string(name) + "\" is not supported");
  }
}

unsigned take_tokens(Fields& fields, const char* name, std::int64_t otherwise) {
  const std::int64_t tokens = fields.whole(name, otherwise, -2, std::int64_t{1} << 53);
  return static_cast<unsigned>(tokens < 0 ? kMaxTokens : std::min(tokens, kMaxTokens));
}

unsigned take_copies(Fields& fields, const char* name) {
  return static_cast<unsigned>(std::max<std::int64_t>(fields.whole(name, 1, 0, kMaxChoices), 1));
}

void take_rules(Fields& fields, bool hole, Call& call) {
  if (!fields.has("stop_rules")) {
    const unsigned indent = call.rules.indent;
    if (hole) call.rules = StopRules::editor();
    call.rules.indent = indent;
    return;
  }
  const nlohmann::json& names = fields.get("stop_rules");
  bool good = names.is_array() && names.size() <= 8;
  for (std::size_t i = 0; good && i < names.size(); ++i) {
    const std::string name = names[i].is_string() ? names[i].get<std::string>() : "";
    if (name == "line") {
      call.rules.line = true;
    } else if (name == "block") {
      call.rules.block = true;
    } else if (name == "suffix") {
      call.rules.suffix = true;
    } else if (name == "closers") {
      call.rules.closers = true;
    } else if (name == "statement") {
      call.rules.statement = true;
    } else {
      good = false;
    }
  }
  if (!good) fields.refuse(R"("stop_rules" must be an array of "line", "block", "suffix", "closers", "statement")");
}

namespace {

// Text, or OpenAI's parts of text joined; nothing where it is something else.
std::optional<std::string> content_of(const nlohmann::json& content) {
  if (content.is_string()) return content.get<std::string>();
  if (content.is_null()) return std::string();
  if (!content.is_array()) return std::nullopt;
  std::string out;
  for (const nlohmann::json& part : content) {
    const bool text = part.is_object() && part.contains("text") && part["text"].is_string() &&
                      (!part.contains("type") || part["type"] == "text");
    if (!text) return std::nullopt;
    out += part["text"].get_ref<const std::string&>();
  }
  return out;
}

std::string role_of(const nlohmann::json& role) {
  if (!role.is_string()) return {};
  const std::string name = role.get<std::string>();
  if (name == "developer") return "system";  // OpenAI's newer word
  return name == "system" || name == "user" || name == "assistant" ? name : std::string();
}

}  // namespace

std::vector<completion::ChatMessage> take_messages(Fields& fields) {
  const nlohmann::json& list = fields.get("messages");
  std::vector<completion::ChatMessage> out;
  if (!list.is_array() || list.empty() || list.size() > kMaxMessages) {
    fields.refuse("\"messages\" must be an array of 1 to " + std::to_string(kMaxMessages) + " messages");
    return out;
  }
  for (const nlohmann::json& message : list) {
    const bool object = message.is_object() && message.contains("role");
    const auto content = object ? content_of(message.contains("content") ? message["content"] : nlohmann::json())
                                : std::optional<std::string>();
    std::string role = object ? role_of(message["role"]) : "";
    if (role.empty() || !content) {
      fields.refuse(R"(a message must have a "role" of system, user or assistant and a "content" of text)");
      return out;
    }
    if (message.contains("images") && !message["images"].empty()) fields.refuse("\"images\" are not supported");
    out.push_back({std::move(role), *content});
  }
  return out;
}

void spread(Call& call, unsigned copies) {
  call.copies = copies;
  std::vector<completion::Request> all;
  for (const completion::Request& request : call.requests) {
    for (unsigned i = 0; i < copies; ++i) {
      all.push_back(request);
      all.back().seed += i;
    }
  }
  call.requests = std::move(all);
}

Result<Call> finished(const Fields& fields, Call call) {
  if (auto done = fields.done(); !done) return base::pass_on(done);
  return call;
}

bool stopped(const Said& said) {
  using completion::StopReason;
  return !said.rule.empty() || said.outcome.reason == StopReason::eos || said.outcome.reason == StopReason::word;
}

const char* stop_or_length(const Said& said) { return stopped(said) ? "stop" : "length"; }

Sums sums(const std::vector<Said>& said, unsigned copies) {
  Sums out;
  for (std::size_t i = 0; i < said.size(); ++i) {
    out.generated += said[i].outcome.generated_tokens;
    if (i % copies != 0) continue;
    out.prompt += said[i].outcome.prompt_tokens;
    out.cached += said[i].outcome.cached_tokens;
  }
  return out;
}

}  // namespace blindbox::api::internal
