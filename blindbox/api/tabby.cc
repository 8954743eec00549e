// SPDX-License-Identifier: Apache-2.0
// Tabby's completions: the OpenAPI document of its server, as tabby-agent uses it.
#include "blindbox/api/internal/common.h"
#include "blindbox/api/protocols.h"

namespace blindbox::api {
namespace {

using namespace internal;

class TabbyWriter final : public Writer {
 public:
  std::string whole(const About& about, const std::vector<Said>& said) const override {
    ordered_json choice = {{"index", 0}, {"text", said[0].text}};
    return compact({{"id", "cmpl-" + about.id}, {"choices", ordered_json::array({std::move(choice)})}});
  }
  std::string piece(const About&, const Piece&) override { return {}; }
  std::string choice_end(const About&, std::size_t, const Said&) override { return {}; }
};

// Snippets of other files, under two names for the same thing.
void take_snippets(Fields& segments, const char* name, const char* path, const char* body,
                   completion::Request& request) {
  const nlohmann::json& list = segments.get(name);
  if (list.is_null()) return;
  bool good = list.is_array() && list.size() <= kMaxExtras;
  for (std::size_t i = 0; good && i < list.size(); ++i) {
    const nlohmann::json& one = list[i];
    good =
        one.is_object() && one.contains(body) && one[body].is_string() && one.contains(path) && one[path].is_string();
    if (good) request.extra.push_back({one[path].get<std::string>(), one[body].get<std::string>()});
  }
  if (!good) segments.refuse('"' + std::string(name) + "\" must be an array of objects with a path and a body");
}

}  // namespace

Result<Call> parse_tabby(std::string_view json, const ModelFacts& model) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  completion::Request& request = call.requests.emplace_back();
  Fields segments = fields->nested("segments");
  request.prefix = segments.required_text("prefix");
  // Its server completes without a suffix where there is none; a model that has no tokens for a hole gets the prefix.
  if (model.info.fim) request.suffix = segments.text("suffix");
  request.filename = segments.text("filepath");
  take_snippets(segments, "relevant_snippets_from_changed_files", "filepath", "body", request);
  take_snippets(segments, "relevant_snippets_from_recently_opened_files", "filepath", "body", request);
  take_snippets(segments, "declarations", "filepath", "body", request);
  fields->absorb(segments);
  take_sampling(*fields, 0, request);
  request.max_tokens = take_tokens(*fields, "max_tokens", 64);  // as Tabby's server
  take_rules(*fields, true, call);
  call.writer = std::make_unique<TabbyWriter>();
  return finished(*fields, std::move(call));
}

}  // namespace blindbox::api
