// SPDX-License-Identifier: Apache-2.0
// What several protocols name alike, and how JSON goes out.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "blindbox/api/call.h"
#include "blindbox/api/internal/fields.h"

namespace blindbox::api::internal {

using nlohmann::ordered_json;

inline constexpr std::int64_t kMaxTokens = 1 << 20;  // the context ends a generation long before
inline constexpr std::int64_t kMaxChoices = 8;       // answers side by side in one call
inline constexpr std::size_t kMaxPrompts = 8;
inline constexpr std::size_t kMaxStopWords = 256;
inline constexpr std::size_t kMaxIds = std::size_t{1} << 18;  // of a prompt; the context bounds what is taken
inline constexpr std::size_t kMaxExtras = 1024;
inline constexpr std::size_t kMaxMessages = 1024;
inline constexpr std::size_t kMaxBias = 1024;

// OpenAI's "system_fingerprint", without which some of its clients take no answer.
[[nodiscard]] const char* fingerprint();

// On one line, without blanks; what is not UTF-8 is replaced.
[[nodiscard]] std::string compact(const ordered_json& value);
// A server-sent event.
[[nodiscard]] std::string event(const ordered_json& value);

[[nodiscard]] std::uint32_t random_seed();

// temperature, top_p, top_k, min_p, repeat_penalty, presence_penalty, frequency_penalty, seed, stop.
void take_sampling(Fields& fields, double default_temperature, completion::Request& request);

// "logit_bias": OpenAI's {"id": bias}, or llama.cpp's [[id, bias], ...] where false bans the token.
void take_bias(Fields& fields, completion::Request& request);

// What is known and cannot be done is refused by name, unless it is empty.
void refuse_unsupported(Fields& fields, std::initializer_list<const char*> names);

// A count of tokens where -1 and -2 mean as many as fit, and so does whatever is more than that.
[[nodiscard]] unsigned take_tokens(Fields& fields, const char* name, std::int64_t otherwise);

// "n" under whatever name, at most kMaxChoices.
[[nodiscard]] unsigned take_copies(Fields& fields, const char* name);

// BlindBox's own field in every protocol: "stop_rules" names the rules, [] for none. Where a client says nothing, a hole
// gets those of an editor. A client that has stop words of its own keeps the rules.
void take_rules(Fields& fields, bool hole, Call& call);

// The prompts of a field: text, token ids, or an array of either; those that are frames of another model are taken apart.
// True where one of them was.
[[nodiscard]] bool take_prompts(Fields& fields, const char* name, Call& call);

// OpenAI's messages; content as text or as parts of text.
[[nodiscard]] std::vector<completion::ChatMessage> take_messages(Fields& fields);

// Every request `copies` times, side by side, with seeds of their own.
void spread(Call& call, unsigned copies);

[[nodiscard]] Result<Call> finished(const Fields& fields, Call call);

// Stopped by the model, a stop word or a rule; else by a limit.
[[nodiscard]] bool stopped(const Said& said);
[[nodiscard]] const char* stop_or_length(const Said& said);

struct Sums {
  unsigned prompt = 0;  // of copies only once
  unsigned generated = 0;
  unsigned cached = 0;
};
[[nodiscard]] Sums sums(const std::vector<Said>& said, unsigned copies);

}  // namespace blindbox::api::internal
