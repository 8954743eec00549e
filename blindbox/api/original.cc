// SPDX-License-Identifier: Apache-2.0
// The SantaCoder example of the first BlindBox (2023): {"input_text","max_new_tokens"} -> {"text"}.
#include "blindbox/api/internal/common.h"
#include "blindbox/api/protocols.h"
#include "blindbox/api/raw_prompt.h"

namespace blindbox::api {
namespace {

using namespace internal;

class OriginalWriter final : public Writer {
 public:
  std::string sent;

  // It answered with the decoded sequence, which begins with what was sent.
  std::string whole(const About&, const std::vector<Said>& said) const override {
    return compact({{"text", sent + said[0].text}});
  }
  std::string piece(const About&, const Piece&) override { return {}; }
  std::string choice_end(const About&, std::size_t, const Said&) override { return {}; }
};

}  // namespace

Result<Call> parse_original(std::string_view json, const ModelFacts&) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  auto writer = std::make_unique<OriginalWriter>();
  completion::Request& request = call.requests.emplace_back();
  request.prefix = writer->sent = fields->required_text("input_text");
  request.max_tokens = static_cast<unsigned>(fields->whole("max_new_tokens", 128, 1, kMaxTokens));
  take_rules(*fields, take_raw_prompt(request), call);
  call.writer = std::move(writer);
  return finished(*fields, std::move(call));
}

}  // namespace blindbox::api
