// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "blindbox/api/internal/common.h"
#include "blindbox/api/raw_prompt.h"

namespace blindbox::api::internal {
namespace {

using completion::Request;

// One prompt: text, or the ids of its tokens.
bool take_prompt(const nlohmann::json& prompt, Call& call) {
  Request request;
  if (prompt.is_string()) {
    request.prefix = prompt.get<std::string>();
  } else if (!prompt.empty() && are_token_ids(prompt, kMaxIds)) {
    request.prompt_tokens = prompt.get<completion::Tokens>();
  } else {
    return false;
  }
  call.requests.push_back(std::move(request));
  return true;
}

}  // namespace

bool take_prompts(Fields& fields, const char* name, Call& call) {
  const nlohmann::json& prompt = fields.get(name);
  bool good = take_prompt(prompt, call);
  if (!good && prompt.is_array() && !prompt.empty() && prompt.size() <= kMaxPrompts) {
    good = std::all_of(prompt.begin(), prompt.end(), [&](const nlohmann::json& one) { return take_prompt(one, call); });
  }
  if (!good) {
    if (prompt.is_null()) fields.refuse('"' + std::string(name) + "\" is required");
    fields.refuse('"' + std::string(name) + "\" must be a string, an array of token ids, or an array of at most " +
                  std::to_string(kMaxPrompts) + " of them");
    call.requests.assign(1, {});
  }
  bool hole = false;
  for (Request& request : call.requests) hole = take_raw_prompt(request) || hole;
  return hole;
}

}  // namespace blindbox::api::internal
