// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/internal/code_text.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace blindbox::api::internal {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";

bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    const bool crlf = end > begin && text[end - 1] == '\r';
    lines.push_back({begin, crlf ? end - 1 : end, true});
    begin = end + 1;
  }
  lines.push_back({begin, text.size(), false});
  return lines;
}

std::string_view last_line(std::string_view text) {
  const std::size_t at = text.rfind('\n');
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::size_t indentation(std::string_view line) {
  std::size_t width = 0;
  for (const char c : line) {
    if (c != ' ' && c != '\t') break;
    width += c == '\t' ? 4 : 1;
  }
  return width;
}

bool is_closer(char c) { return c == ')' || c == ']' || c == '}'; }

bool only_closers(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_closer(c) || is_quote(c) || c == ';' || c == ',' || c == ':' || c == '>' ||
           kBlanks.find(c) != std::string_view::npos;
  });
}

bool only_punctuation(std::string_view text) { return text.find_first_not_of(";,:") == std::string_view::npos; }

namespace {
constexpr std::array<std::string_view, 4> kClosingWords = {"end", "fi", "done", "esac"};
}

bool may_close(std::string_view line) {
  const std::string_view text = trimmed(line);
  return std::any_of(kClosingWords.begin(), kClosingWords.end(), [&](auto word) { return word.starts_with(text); });
}

std::string_view closing_word(std::string_view line) {
  const std::string_view text = trimmed(line);
  if (text.empty()) return {};
  if (is_closer(text.front())) return only_closers(text) ? text.substr(0, 1) : std::string_view();
  const auto word = std::find_if(kClosingWords.begin(), kClosingWords.end(), [&](std::string_view one) {
    return text.starts_with(one) && only_closers(text.substr(one.size()));
  });
  return word == kClosingWords.end() ? std::string_view() : *word;
}

std::string_view open_triple_quote(std::string_view line) {
  for (const std::string_view quote : {R"(""")", "'''"}) {
    bool open = false;
    for (std::size_t at = line.find(quote); at != std::string_view::npos; at = line.find(quote, at + 3)) open = !open;
    if (open) return quote;
  }
  return {};
}

bool in_placeholder(std::string_view line) {
  const std::size_t open = line.rfind('{');
  return open != std::string_view::npos && line.find('}', open) == std::string_view::npos &&
         open_quote(line.substr(0, open)) != '\0';
}

bool opens_block(std::string_view line) {
  const std::string_view text = trimmed(line);
  return !text.empty() && (text.back() == ':' || text.back() == '{' || text.back() == '(' || text.back() == '[');
}

bool continues_block(std::string_view line) {
  constexpr std::array<std::string_view, 9> kWords = {"else",  "elif", "except", "finally", "catch",
                                                      "elsif", "then", "rescue", "ensure"};
  std::string_view text = trimmed(line);
  while (!text.empty() && (is_closer(text.front()) || text.front() == ' ')) text.remove_prefix(1);
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return text.starts_with(word) && (text.size() == word.size() || !is_word(text[word.size()]));
  });
}

Brackets brackets_of(std::string_view text, char open_quote) {
  Brackets out;
  char quote = open_quote;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      quote = '\0';
    } else if (c == '\\') {
      ++i;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (is_quote(c)) {
      quote = c;
    } else if (c == '(' || c == '[' || c == '{') {
      ++out.open;
    } else if (is_closer(c)) {
      if (out.open > 0) {
        --out.open;
      } else {
        out.closed.push_back(i);
      }
    }
  }
  return out;
}

char open_quote(std::string_view line) {
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (quote != '\0') {
      if (line[i] == quote) quote = '\0';
    } else if (is_quote(line[i])) {
      quote = line[i];
    }
  }
  return quote;
}

std::size_t quote_end(std::string_view text, char quote) {
  for (std::size_t i = 0; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace blindbox::api::internal
