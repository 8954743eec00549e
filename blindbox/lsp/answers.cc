// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/answers.h"

#include <cctype>

#include "blindbox/lsp/fields.h"

namespace blindbox::lsp {
namespace {

constexpr std::size_t kLabelCap = 120;  // bytes of the one line that a menu shows

// The identifier that the cursor is at the end of: what editors filter their menus by.
std::string_view word_before(std::string_view before) {
  std::size_t begin = before.size();
  while (begin > 0) {
    const auto c = static_cast<unsigned char>(before[begin - 1]);
    if (std::isalnum(c) == 0 && c != '_' && c < 0x80) break;
    --begin;
  }
  return before.substr(begin);
}

std::string label_of(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin != std::string_view::npos) text.remove_prefix(begin);
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const std::string_view shown = keep_begin(line, kLabelCap);
  return std::string(shown) + (shown.size() < text.size() ? " …" : "");
}

nlohmann::json inline_list(const Wanted& wanted, const std::string& text) {
  auto items = nlohmann::json::array();
  if (!text.empty()) {
    const Position start = wanted.replaced ? wanted.replaced->first : wanted.position;
    items.push_back({{"insertText", wanted.selected + text}, {"range", to_json(Range{start, wanted.position})}});
  }
  return {{"items", std::move(items)}};
}

nlohmann::json classic_list(const Wanted& wanted, const std::string& text, Encoding encoding) {
  auto items = nlohmann::json::array();
  if (!text.empty()) {
    const std::string word(word_before(wanted.before));
    Position start = wanted.position;
    start.character -= std::min(start.character, units(word, encoding));
    const std::string whole = word + text;
    items.push_back({{"label", label_of(whole)},
                     {"kind", 1},  // Text
                     {"detail", "BlindBox"},
                     {"filterText", whole.substr(0, whole.find_first_of("\r\n"))},
                     {"insertTextFormat", 1},  // PlainText
                     {"textEdit", {{"range", to_json(Range{start, wanted.position})}, {"newText", whole}}}});
  }
  return {{"isIncomplete", true}, {"items", std::move(items)}};
}

}  // namespace

nlohmann::json make_answer(const Wanted& wanted, const std::string& text, Encoding encoding) {
  return wanted.classic ? classic_list(wanted, text, encoding) : inline_list(wanted, text);
}

}  // namespace blindbox::lsp
